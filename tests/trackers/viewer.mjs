// Opens a trace in speedscope, a viewer of another maker, as a person does: `node viewer.mjs
// FILE`. Every track is there under its name, with the time of each of its entries.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { withBrowser } from "../dashboard/browser.mjs";

const file = process.argv[2];
const { resolve } = createRequire(`${process.env.FANOUT_BROWSER_TOOLS}/`);
const viewer = pathToFileURL(resolve("speedscope/dist/release/index.html")).href;

// What the file says: by track its name and the microseconds of its entries, those of one name
// and arguments together.
const { traceEvents } = JSON.parse(readFileSync(file, "utf8"));
const name = (of, tid) =>
  traceEvents.find((one) => one.ph === "M" && one.name === of && (tid === undefined || one.tid === tid)).args.name;
const tracks = new Map();
for (const { ph, tid, dur, name: what, args } of traceEvents) {
  if (ph !== "X") continue;
  const track = tracks.get(tid) ?? new Map();
  const key = what + JSON.stringify(args);
  tracks.set(tid, track.set(key, (track.get(key) ?? 0) + dur));
}
const title = (tid) => `${name("process_name")} (pid 1), ${name("thread_name", tid)} (tid ${tid})`;
const wanted = new Map([...tracks].map(([tid, track]) => [title(tid), [...track.values()].sort((a, b) => b - a)]));

const UNITS = { ns: 1e-3, "µs": 1, ms: 1e3, s: 1e6 };

await withBrowser(async (browser) => {
  // So tall that the viewer draws every row.
  const page = await browser.newPage({ viewport: { width: 1280, height: 4000 } });
  const wrong = [];
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("pageerror", (error) => wrong.push(String(error.stack)));
  await page.goto(viewer);
  await page.setInputFiles("input[type=file]", file);
  const lines = async () => (await page.evaluate(() => document.body.innerText)).split("\n");
  const found = new Map();
  for (let at = 1; at <= wanted.size; at += 1) {
    const which = ` (${at}/${wanted.size})`;
    await page.waitForFunction((which) => document.body.innerText.includes(which), which);
    // Its table, which has the time of an entry and of those within it.
    await page.keyboard.press("3");
    await page.waitForFunction(() => document.body.innerText.includes("Symbol Name"));
    const text = await lines();
    const track = text.find((line) => line.endsWith(which)).slice(0, -which.length);
    // The viewer draws the rows some frames after the head of the table.
    const times = async () => {
      const cells = await page.locator("td:first-child").allInnerTexts();
      return cells.map((cell) => cell.match(/^([\d.]+)(ns|µs|ms|s) \(/)).filter(Boolean);
    };
    const until = Date.now() + 10_000;
    while ((await times()).length < (wanted.get(track)?.length ?? 0) && Date.now() < until) {
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(drawn)));
    }
    const told = (await times()).map(([, number, unit]) => Number(number) * UNITS[unit]);
    found.set(track, told.sort((a, b) => b - a));
    await page.keyboard.press("n");
  }
  assert.deepEqual([...found.keys()].sort(), [...wanted.keys()].sort());
  for (const [track, times] of wanted) {
    const told = found.get(track);
    assert.equal(told.length, times.length, `${track}: ${told} of ${times}`);
    // It tells two decimals.
    times.forEach((time, at) => assert.ok(Math.abs(told[at] - time) <= 0.006 * time, `${track}: ${told} of ${times}`));
  }
  assert.deepEqual(wrong, []);
});
