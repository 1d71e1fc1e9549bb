// Opens pages of results as a reader does, from files: every chart is drawn, nothing is asked
// of a network, no script is refused, and no one is kept out. Run by tests/report.rs, with
// pairs of a name and the path of a file.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { accessible, screenshots, settled, withBrowser } from "../dashboard/browser.mjs";

const named = process.argv.slice(2);

// Goes through the page, so that charts are drawn where they come into sight.
const read = async (page) => {
  // What is drawn makes the page longer.
  const height = () => page.evaluate(() => document.documentElement.scrollHeight);
  for (let at = 0; at <= (await height()); at += 600) {
    await page.evaluate((to) => window.scrollTo(0, to), at);
    await settled(page);
  }
  await page.evaluate(() => window.scrollTo(0, 0));
  await settled(page);
};

const places = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("[data-chart]")].map((place) => ({
      chart: place.dataset.chart,
      isDrawn: place.querySelector("svg, canvas") !== null && !place.closest("figure").hidden,
    })),
  );

await withBrowser(async (browser) => {
  for (let at = 0; at < named.length; at += 2) {
    const [name, path] = [named[at], named[at + 1]];
    const url = pathToFileURL(path).href;
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    const wrong = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) wrong.push(message.text());
    });
    page.on("pageerror", (error) => wrong.push(String(error.stack)));
    page.on("dialog", (dialog) => {
      wrong.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("request", (request) => {
      if (request.url() !== url && !request.url().startsWith("data:")) wrong.push(`request: ${request.url()}`);
    });
    await page.goto(url);
    await read(page);
    const all = await places(page);
    assert.ok(all.length > 0, `${name} has no charts`);
    assert.deepEqual(all.filter((place) => !place.isDrawn), [], `${name}: ${wrong.join("\n")}`);
    assert.equal(await page.locator("img").count(), 0, name);
    await accessible(page, name);
    // What a heat map shows first has cells, whatever trainers have hyper-parameters of their own.
    for (const map of await page.locator('[data-chart="heatMap"] svg').all()) {
      assert.doesNotMatch(await map.textContent(), /No candidate/, name);
    }
    // The keyboard reaches what can be chosen, and the chart follows.
    const choice = page.locator('[data-chart="heatMap"] select').last();
    if (await choice.count()) {
      await choice.focus();
      await page.keyboard.press("ArrowDown");
      assert.equal(await choice.inputValue(), "1", name);
    }
    await screenshots(page, name);
    await page.emulateMedia({ colorScheme: "dark" });
    await read(page);
    await accessible(page, `${name}, dark`);
    assert.deepEqual((await places(page)).filter((place) => !place.isDrawn), [], `${name}, dark`);
    assert.deepEqual(wrong, [], name);
    await context.close();
  }
});
