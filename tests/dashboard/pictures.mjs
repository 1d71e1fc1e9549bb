// The pictures of the documentation, see docs/screenshots.sh: `node pictures.mjs URL`.
import { openPage, settled, withBrowser } from "./browser.mjs";

const url = process.argv[2];
const folder = process.env.FANOUT_SCREENSHOTS;

await withBrowser(async (browser) => {
  const page = await openPage(browser, url, { width: 1180, height: 900 });
  await page.waitForSelector("html[data-listed]");
  const runs = await page.locator("#runs tbody tr").all();
  const links = await Promise.all(
    runs.map(async (row) => [await row.locator("a").textContent(), await row.locator("a").getAttribute("href")]),
  );
  const shoot = async (name, path, from, height) => {
    await page.setViewportSize({ width: 1180, height });
    await page.goto(new URL(path, url).href);
    await page.waitForSelector("html[data-final]");
    await page.locator(from).evaluate((element) => element.scrollIntoView());
    await settled(page);
    await page.screenshot({ path: `${folder}/${name}.png` });
  };
  const path = (plan) => links.find(([name]) => name === plan)[1];
  await shoot("dashboard-run", path("compare"), "body", 860);
  await shoot("dashboard-results", path("flights"), "section:has(#leaderboard)", 810);
  page.quiet();
});
