// The pages of runs of other kinds than a search: `node kinds.mjs URL [RUN NAME TITLE]…`.
import assert from "node:assert/strict";
import { accessible, openPage, screenshots, settled, withBrowser } from "./browser.mjs";

const [url, ...runs] = process.argv.slice(2);

await withBrowser(async (browser) => {
  for (let at = 0; at < runs.length; at += 3) {
    const [run, name, title] = runs.slice(at, at + 3);
    const page = await openPage(browser, `${url}runs/${run}`);
    await page.waitForSelector("html[data-final]");
    await settled(page);
    assert.deepEqual(await page.locator("#found h2").allTextContents(), [title]);
    assert.ok((await page.locator("#found [data-chart] svg").count()) > 0, name);
    assert.ok((await page.locator("#results-note p").count()) > 0, name);
    // There is no candidate to choose, nor a chart of candidates.
    assert.equal(await page.locator("#leaderboard").isVisible(), false);
    assert.equal(await page.locator("#heat-map").isVisible(), false);
    await accessible(page, name);
    await screenshots(page, name);
    page.quiet();
    await page.context().close();
  }
});
