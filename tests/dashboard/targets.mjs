// The page of a run of several targets, which ended: `node targets.mjs URL NAME NAME`.
import assert from "node:assert/strict";
import { accessible, openPage, screenshots, settled, withBrowser } from "./browser.mjs";

const [url, ...names] = process.argv.slice(2);

await withBrowser(async (browser) => {
  const page = await openPage(browser, url);
  await page.waitForSelector("html[data-final]");
  const choice = page.locator("#target");
  assert.deepEqual(await choice.locator("option").allTextContents(), names);
  for (const name of names) {
    await choice.selectOption({ label: name });
    // What only the store tells: the result in words, and all metrics.
    await page.waitForFunction((name) => {
      const { results, target } = Fanout.page.shown;
      const shown = results.targets[target];
      return shown.target === name && shown.sentences.length > 0;
    }, name);
    await settled(page);
    const words = await page.textContent("#results-note");
    assert.match(words, /best/, words);
    for (const id of ["leaderboard", "heat-map", "cost", "parallel", "curves", "anova"]) {
      assert.ok(await page.locator(`#${id} .canvas`).count(), `${id} of ${name}`);
    }
  }
  // The columns of the table, the targets behind the features.
  const columns = await page.locator("#columns tbody th").allTextContents();
  assert.deepEqual(columns.slice(-names.length), names);
  assert.match(await page.textContent("#columns"), /minutes.*number/s);
  await accessible(page, "targets");
  await screenshots(page, "targets");
  page.quiet();
});
