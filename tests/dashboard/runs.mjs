// The page that lists runs and compares them: `node runs.mjs URL RUNS`.
import assert from "node:assert/strict";
import { accessible, openPage, screenshots, settled, withBrowser } from "./browser.mjs";

const [url, runs] = [process.argv[2], Number(process.argv[3])];

await withBrowser(async (browser) => {
  const page = await openPage(browser, url);
  await page.waitForSelector("html[data-listed]");
  const marks = page.locator("#runs tbody input");
  assert.equal(await marks.count(), runs);

  await page.fill("#filter", "no run is called so");
  assert.equal(await marks.count(), 0);
  assert.match(await page.textContent("#count"), new RegExp(`^0 of ${runs} runs`));
  await page.fill("#filter", "");
  await accessible(page, "runs");

  // Marked by keys.
  for (const at of [0, 1]) {
    await marks.nth(at).focus();
    await page.keyboard.press("Space");
  }
  await page.locator("#comparison").waitFor({ state: "visible" });
  const differing = await page.locator("#compared tr.differs th").allTextContents();
  assert.ok(differing.some((name) => name.startsWith("plan: ")), `${differing}`);
  assert.equal(await page.locator("#compared-scores canvas").count(), 1);
  await accessible(page, "runs compared");
  await screenshots(page, "runs");

  // A comparison has an address.
  await page.reload();
  await page.locator("#comparison").waitFor({ state: "visible" });
  await page.locator("#runs tbody a").first().click();
  await page.waitForSelector("html[data-final]");
  await settled(page);
  page.quiet();
});
