// What every test of a page needs: Chromium, and an ear for what goes wrong in it. Run by
// tests/dashboard.rs, which names the folders.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const tools = process.env.FANOUT_BROWSER_TOOLS;
const shots = process.env.FANOUT_SCREENSHOTS;
const require = createRequire(`${tools}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

// Calls `test` with a browser, which ends with it.
export const withBrowser = async (test) => {
  const browser = await chromium.launch({
    executablePath: process.env.FANOUT_CHROMIUM ?? "/usr/bin/chromium",
    // Root has no sandbox for it, and a container little shared memory.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  try {
    await test(browser);
  } finally {
    await browser.close();
  }
};

// A page of the dashboard. What it must not do is kept, and `quiet` fails for it.
export const openPage = async (browser, url, options = {}) => {
  const { width = 1280, height = 900, ...rest } = options;
  const context = await browser.newContext({ viewport: { width, height }, ...rest });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const wrong = [];
  const origin = new URL(url).origin;
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`error: ${error.stack}`));
  page.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith(`${origin}/`) && !to.startsWith("data:")) wrong.push(`request: ${to}`);
  });
  page.on("response", (answer) => {
    if (answer.status() >= 400) wrong.push(`${answer.status()}: ${answer.url()}`);
  });
  page.quiet = () => assert.deepEqual(wrong, []);
  await page.goto(url);
  return page;
};

// No finding of axe-core that is serious or worse.
export const accessible = async (page, what) => {
  // Not by a script element, which the page's policy refuses.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  const grave = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const told = grave.map(({ id, help, nodes }) => ({
    id,
    help,
    nodes: nodes.slice(0, 5).map(({ target, failureSummary }) => [target.join(" "), failureSummary]),
  }));
  assert.deepEqual(told, [], `${what}: ${JSON.stringify(told, null, 2)}`);
};

// Pictures of the whole page at both widths, in light and dark.
export const screenshots = async (page, name) => {
  mkdirSync(shots, { recursive: true });
  const before = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await settled(page);
      await page.screenshot({ path: `${shots}/${name}-${colorScheme}-${width}.png`, fullPage: true });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${name} is ${wide} pixels wide on a screen of ${width}`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(before);
};

// What was asked for is drawn: two frames have passed.
export const settled = (page) =>
  page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );

// The messages of a stream of server-sent events, as they come. Whoever leaves the loop closes it.
export async function* messages(url, { lastEventId } = {}) {
  const headers = lastEventId ? { "last-event-id": lastEventId } : {};
  const answer = await fetch(url, { headers });
  assert.equal(answer.status, 200);
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer.body) {
    text += decoder.decode(chunk, { stream: true });
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(
        part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
      );
      if (fields.data) yield { id: fields.id, data: JSON.parse(fields.data), bytes: part.length };
    }
  }
}
