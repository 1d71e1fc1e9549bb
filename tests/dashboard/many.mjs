// The page of a run of 100,000 tasks: `node many.mjs URL TASKS`.
import assert from "node:assert/strict";
import { accessible, messages, openPage, screenshots, settled, withBrowser } from "./browser.mjs";

const [url, tasks] = [process.argv[2], Number(process.argv[3])];

// What docs/dashboard.md promises.
const MOST_BYTES = 1 << 20;
const MOST_SEGMENTS = 4096;

await withBrowser(async (browser) => {
  const page = await openPage(browser, url);
  await page.waitForFunction((tasks) => {
    const all = [...Fanout.page.stream.segments.all];
    return all.reduce((sum, one) => sum + one.tasks, 0) === tasks;
  }, tasks);
  await page.waitForSelector("html[data-final]");
  await settled(page);
  const { size, resolution } = await page.evaluate(() => {
    const { size, resolution } = Fanout.page.stream.segments;
    return { size, resolution };
  });
  assert.ok(size <= MOST_SEGMENTS && resolution > 0, `${size} segments of ${resolution} µs`);

  // One message has all, and is bounded.
  for await (const { bytes, data } of messages(url.replace("/runs/", "/api/runs/") + "/events")) {
    assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`);
    assert.equal(data.stream.segments.reduce((sum, row) => sum + row[7], 0), tasks);
    console.log(`${tasks} tasks: ${size} segments, ${bytes} bytes`);
    break;
  }

  // Several tasks in one are told as such, by mouse and by keys.
  const { x, y } = await page.evaluate(() => {
    const stream = Fanout.page.stream;
    return stream.place([...stream.segments.all].find((one) => one.tasks > 1).id);
  });
  await page.locator("#stream").scrollIntoViewIfNeeded();
  await page.mouse.move(x, y);
  const tip = page.locator(".stream-tip");
  await tip.waitFor({ state: "visible" });
  assert.match(await tip.textContent(), /\d+ tasks/);
  await page.locator("#stream canvas").focus();
  await page.keyboard.press("End");
  assert.match(await page.textContent("#stream [aria-live]"), /tasks?/);
  await page.keyboard.press("+");
  await page.keyboard.press("0");

  assert.match(await page.textContent("#failures"), /timed out: [\d,]+ fits/);
  await accessible(page, "many tasks");
  await screenshots(page, "many");
  page.quiet();
});
