// A dashboard that asks for a token: `node token.mjs URL`, the token in FANOUT_DASHBOARD_TOKEN.
import assert from "node:assert/strict";
import { accessible, openPage, screenshots, withBrowser } from "./browser.mjs";

const url = process.argv[2];
const token = process.env.FANOUT_DASHBOARD_TOKEN;

const status = async (path, headers = {}) => (await fetch(url + path, { headers, redirect: "manual" })).status;

assert.equal(await status("api/runs"), 401);
assert.equal(await status("assets/dashboard.js"), 303);
assert.equal(await status("assets/theme.css"), 200);
assert.equal(await status("api/runs", { authorization: `Bearer ${token}x` }), 401);
assert.equal(await status("api/runs", { authorization: `Bearer ${token}` }), 200);
assert.equal(await status("api/runs", { authorization: `Bearer ${token}`, origin: "http://evil.example" }), 403);
assert.equal((await fetch(`${url}login`, { method: "POST", body: token })).status, 403);
const page = await fetch(`${url}login`);
assert.match(page.headers.get("content-security-policy"), /default-src 'none'; script-src 'self'; style-src 'self'/);
assert.equal(page.headers.get("x-content-type-options"), "nosniff");

await withBrowser(async (browser) => {
  const page = await openPage(browser, url);
  await page.waitForURL("**/login");
  await accessible(page, "login");
  await screenshots(page, "login");
  page.quiet();
  await page.fill("#token", "this is not the token");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("refused").textContent !== "");
  await page.fill("#token", token);
  await page.keyboard.press("Enter");
  await page.waitForSelector("html[data-listed]");
  assert.equal(page.url(), url);
  // A script can't read what stands for the token.
  assert.equal(await page.evaluate(() => document.cookie), "");
});
