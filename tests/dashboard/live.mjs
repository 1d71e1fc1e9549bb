// The page of a run that goes on: `node live.mjs` says that it is ready, takes the URL from
// its input, and follows the run to its end.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { accessible, messages, openPage, withBrowser } from "./browser.mjs";

const line = async () => {
  for await (const text of createInterface({ input: process.stdin })) return text;
};

// Reads the stream of changes with breaks, naming the last id each time, and puts the state
// together as a page does: nothing is lost.
const withBreaks = async (url) => {
  const segments = new Map();
  let [id, state, breaks, lanes] = [undefined, null, 0, []];
  for (;;) {
    let seen = 0;
    for await (const message of messages(url, { lastEventId: id })) {
      const { stream, state: told, ended } = message.data;
      if (id === undefined) assert.equal(stream.reset, true);
      id = message.id;
      if (stream?.reset) segments.clear();
      for (const row of stream?.segments ?? []) segments.set(row[0], row);
      lanes = stream?.lanes ?? lanes;
      state = told ?? state;
      seen += 1;
      if (ended) return { segments, state, breaks, lanes };
      if (seen === 2) break;
    }
    breaks += 1;
  }
};

await withBrowser(async (browser) => {
  console.log("ready");
  const url = await line();
  const broken = withBreaks(url.replace("/runs/", "/api/runs/") + "/events");
  const page = await openPage(browser, url);
  // Every value that the bar takes.
  await page.evaluate(() => {
    const bar = document.getElementById("fits");
    globalThis.seen = [];
    new MutationObserver(() => globalThis.seen.push(bar.value)).observe(bar, { attributes: true });
  });
  await page.waitForFunction(() => document.getElementById("fits").value > 0);
  assert.equal(await page.textContent("#connection"), "live");
  await page.waitForFunction(() => document.querySelectorAll("#candidates tbody tr").length > 0);
  // Score against cost, the curves over what is nested, and the columns: before the end.
  const when = await page.waitForFunction(() => {
    const isDrawn = ["cost", "curves"].every((id) => document.querySelector(`#${id} .canvas`));
    const over = document.querySelector("#curves select")?.textContent ?? "";
    const columns = document.querySelectorAll("#columns tbody tr").length;
    return isDrawn && over.includes("(nested)") && columns > 60 &&
      (document.documentElement.dataset.final ?? "goes on");
  });
  assert.equal(await when.jsonValue(), "goes on");
  await accessible(page, "a run that goes on");
  await page.waitForSelector("html[data-final]");
  const { seen, done, max } = await page.evaluate(() => {
    const bar = document.getElementById("fits");
    return { seen: globalThis.seen, done: bar.value, max: bar.max };
  });
  assert.equal(done, max);
  const values = [...new Set(seen)];
  assert.ok(values.length >= 3, `the bar moved: ${values}`);
  assert.deepEqual(values, values.toSorted((a, b) => a - b));
  assert.equal(await page.textContent("#connection"), "ended");
  // What was explained is there with the results.
  assert.deepEqual(await page.locator("#found h2").allTextContents(), ["Importances of the model"]);
  assert.equal(await page.locator("#found [data-chart] svg").count(), 1);
  const text = await page.textContent("#log");
  assert.match(text, /dataset: [\d,]+ rows x/);
  page.quiet();

  const { segments, state, breaks, lanes } = await broken;
  assert.ok(breaks >= 2, `the stream broke ${breaks} times`);
  assert.equal(state.done, max);
  assert.ok(lanes.length >= 1);
  const whole = await page.evaluate(() => {
    const { segments } = Fanout.page.stream;
    const all = [...segments.all];
    return { size: all.length, tasks: all.reduce((sum, one) => sum + one.tasks, 0) };
  });
  const tasks = [...segments.values()].reduce((sum, row) => sum + row[7], 0);
  assert.deepEqual({ size: segments.size, tasks }, whole);
});
