// The page of a run that ended, used with mouse and keys: `node past.mjs URL`.
import assert from "node:assert/strict";
import { accessible, messages, openPage, screenshots, settled, withBrowser } from "./browser.mjs";

const url = process.argv[2];

const rows = (page) => page.locator("#candidates tbody tr").count();

// A server whose stream ends before the page has the results, and which wants the page to come
// again at once.
const endsEarly = async (browser) => {
  let [told, last] = ["", ""];
  for await (const { id, data } of messages(url.replace("/runs/", "/api/runs/") + "/events")) {
    last = data;
    told += `id: ${id}\nevent: changes\ndata: ${JSON.stringify(data)}\n\n`;
    if (data.ended) break;
  }
  assert.equal(last.ended, true);
  const page = await openPage(browser, new URL("/", url).href);
  let asked = 0;
  await page.route("**/events", (route) => {
    asked += 1;
    return route.fulfill({ contentType: "text/event-stream", body: `retry: 1\n\n${told}` });
  });
  let release;
  const held = new Promise((done) => (release = done));
  await page.route("**/results", async (route) => {
    await held;
    // As those of a run of a version that kept no explanations.
    const answer = await route.fetch();
    const results = await answer.json();
    assert.equal(results.is_explained_in_report, false);
    results.targets[0].importances = null;
    results.is_explained_in_report = true;
    await route.fulfill({ response: answer, json: results });
  });
  await page.goto(url);
  // What is said when the stream ends.
  await page.waitForFunction(() => !["connecting", "live"].includes(document.getElementById("connection").textContent));
  assert.equal(await page.textContent("#connection"), "ended");
  release();
  await page.waitForSelector("html[data-final]");
  assert.equal(asked, 1);
  assert.match(await page.textContent("#more"), /^What explains the chosen candidate, .*: fanout report [0-9a-f]{12}$/);
  page.quiet();
  await page.context().close();
};

await withBrowser(async (browser) => {
  await endsEarly(browser);
  const page = await openPage(browser, url);
  await page.waitForSelector("html[data-final]");
  await settled(page);
  // The first key reaches what leads past the head of the page.
  await page.keyboard.press("Tab");
  const skip = page.locator(":focus");
  assert.equal(await skip.textContent(), "Skip to the run");
  assert.ok((await skip.boundingBox()).x >= 0);

  const all = await rows(page);
  assert.ok(all >= 10, `${all} candidates`);

  // Hover tells of a task.
  const first = await page.evaluate(() => [...Fanout.page.stream.segments.all][0].id);
  await page.locator("#stream").scrollIntoViewIfNeeded();
  const { x, y } = await page.evaluate((id) => Fanout.page.stream.place(id), first);
  await page.mouse.move(x, y);
  const tip = page.locator(".stream-tip");
  await tip.waitFor({ state: "visible" });
  assert.match(await tip.textContent(), /task \d+: \w+, split \d+.*fit/s);
  await page.mouse.move(5, 5);
  await tip.waitFor({ state: "hidden" });

  // Dragging zooms, a double click shows all again.
  const canvas = page.locator("#stream canvas");
  const box = await canvas.boundingBox();
  const told = page.locator("#stream [aria-live]");
  await page.mouse.move(box.x + box.width * 0.5, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, box.y + 10, { steps: 3 });
  await page.mouse.up();
  assert.match(await told.textContent(), /^shown: .* to /);
  await page.mouse.dblclick(box.x + box.width * 0.6, box.y + 10);
  assert.equal(await told.textContent(), "shown: all of the run");

  // The same by keys, and every task is told aloud.
  await canvas.focus();
  await page.keyboard.press("ArrowRight");
  const one = await told.textContent();
  assert.match(one, /task \d+: \w+, split \d+/);
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await told.textContent(), one);
  await page.keyboard.press("+");
  assert.match(await told.textContent(), /^shown: /);
  await page.keyboard.press("0");
  assert.equal(await told.textContent(), "shown: all of the run");
  await page.keyboard.press("Escape");

  // All that can be used can be reached by keys, and shows that it is.
  await page.evaluate(() => document.activeElement.blur());
  const reached = new Set();
  for (let at = 0; at < 120; at += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return null;
      const style = getComputedStyle(element);
      return {
        name: element.id || element.getAttribute("aria-label") || element.textContent.trim(),
        outlined: style.outlineStyle !== "none" && style.outlineWidth !== "0px",
      };
    });
    if (!focused) break;
    assert.ok(focused.outlined, `${focused.name} shows its focus`);
    reached.add(focused.name);
  }
  for (const name of ["filter", "Candidates, the best first", "plan"]) {
    assert.ok(reached.has(name), `${name} among ${[...reached].join("; ")}`);
  }

  // A filter keeps what matches, in table and charts.
  const parameter = await page.evaluate(() => {
    const target = Fanout.page.shown.results.targets[0];
    const { name } = target.parameters.find(({ kind }) => kind === "number");
    const values = [...new Set(target.candidates.params[name])].sort((a, b) => a - b);
    return { name, value: values[Math.floor(values.length / 2)] };
  });
  await page.fill("#filter", `${parameter.name}>=${parameter.value}`);
  await page.waitForFunction((all) => document.querySelectorAll("#candidates tbody tr").length < all, all);
  const column = await page.evaluate((name) => {
    const heads = [...document.querySelectorAll("#candidates th")];
    const at = heads.findIndex((head) => head.textContent.startsWith(name));
    return [...document.querySelectorAll("#candidates tbody tr")].map((row) => Number(row.children[at].textContent));
  }, parameter.name);
  assert.ok(column.length > 0 && column.every((value) => value >= parameter.value), `${column}`);
  await page.fill("#filter", "");
  await page.waitForFunction((all) => document.querySelectorAll("#candidates tbody tr").length === all, all);

  // Hover tells of a candidate.
  const leader = page.locator("#leaderboard .canvas");
  await leader.scrollIntoViewIfNeeded();
  const point = await leader.evaluate((element) => {
    const chart = echarts.getInstanceByDom(element);
    const [mean, row] = chart.getOption().series[1].data[0].value;
    return chart.convertToPixel({ seriesIndex: 1 }, [mean, row]);
  });
  const place = await leader.boundingBox();
  await page.mouse.move(place.x + point[0], place.y + point[1]);
  const candidate = page.locator("#leaderboard .tip");
  await candidate.waitFor({ state: "visible" });
  assert.match(await candidate.textContent(), /candidate \d+, rank 1/);

  // A brush on an axis keeps the candidates whose values lie there, in the table, too.
  const parallel = page.locator("#parallel .canvas");
  await parallel.scrollIntoViewIfNeeded();
  const axes = await parallel.boundingBox();
  const [x1, y1] = [axes.x + axes.width - 64, axes.y + 34];
  await page.mouse.move(x1, y1 + 2);
  await page.mouse.down();
  await page.mouse.move(x1, y1 + 40, { steps: 4 });
  await page.mouse.up();
  await page.locator("#brush-clear").waitFor({ state: "visible" });
  const brushed = await rows(page);
  assert.ok(brushed > 0 && brushed < all, `${brushed} of ${all}`);
  await page.locator("#brush-clear").click();
  await page.locator("#brush-clear").waitFor({ state: "hidden" });
  assert.equal(await rows(page), all);

  // The table is sorted by the column that is pressed, here by keys.
  const button = page.locator("#candidates th button").nth(1);
  await button.focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#candidates th:nth-child(2)").getAttribute("aria-sort") !== "none");
  const focus = await page.evaluate(() => document.activeElement.textContent);
  assert.match(focus, /^mean /);

  // Every chart of results is drawn.
  for (const id of ["leaderboard", "heat-map", "parallel", "cost"]) {
    const drawn = await page.locator(`#${id} canvas, #${id} svg, #${id} table`).count();
    assert.ok(drawn > 0, `${id} is drawn`);
  }

  // Why the chosen candidate predicts what it predicts: charts, and their numbers in tables.
  const found = page.locator("#found");
  assert.deepEqual(await found.locator("h2").allTextContents(), [
    "Permutation importance",
    "Importances of the model",
    "Contributions of features (SHAP)",
    "Partial dependence",
  ]);
  const explained = await page.evaluate(() => Fanout.page.shown.results.targets[0].importances);
  const dependences = explained.partial_dependence.features.length;
  assert.equal(await found.locator("[data-chart] svg").count(), 3 + dependences);
  await found.locator("summary").first().click();
  const row = found.locator("table").first().locator("tbody tr").first();
  const { features, metrics } = explained.permutation_importance;
  assert.deepEqual(await row.locator("th, td").allTextContents(), [
    features[0],
    ...["importances_mean", "importances_std"].map((name) => metrics.roc_auc[name][0].toFixed(4)),
  ]);
  await found.locator("summary").first().click();

  await accessible(page, "a run, light");
  const light = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "dark" });
  await settled(page);
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.notEqual(light, dark);
  await accessible(page, "a run, dark");
  await page.emulateMedia({ colorScheme: "light" });
  await screenshots(page, "run");
  page.quiet();
});
