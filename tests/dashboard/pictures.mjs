// The pictures of the documentation, see docs/screenshots.sh: `node pictures.mjs URL`.
import { openPage, settled, withBrowser } from "./browser.mjs";

const url = process.argv[2];
const folder = process.env.FANOUT_SCREENSHOTS;
const WIDTH = 1280;

await withBrowser(async (browser) => {
  const page = await openPage(browser, url, { width: WIDTH, height: 900 });
  await page.waitForSelector("html[data-listed]");
  const run = await page.locator("#runs tbody a").first().getAttribute("href");
  await page.goto(new URL(run, url).href);
  await page.waitForSelector("html[data-final]");
  await settled(page);
  // From the top of one element to the bottom of another, so that nothing is cut off.
  const shoot = async (name, first, last) => {
    const [from, to] = [await page.locator(first).boundingBox(), await page.locator(last).boundingBox()];
    const top = Math.max(0, from.y - 16);
    const clip = { x: 0, y: top, width: WIDTH, height: to.y + to.height + 16 - top };
    await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true, clip });
  };
  await shoot("dashboard-run", "header", "section:has(#workers)");
  await shoot("dashboard-results", "section:has(#heat-map)", "section:has(#cost)");
  page.quiet();
});
