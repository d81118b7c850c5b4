// One person's way through the portal in a real browser, told as steps on standard input (one JSON object a line) and
// answered on standard output: test_browser.py has the mailbox, this has the screen.
// {"open": {...}} starts a browser; {"goto": url}; {"click": selector}; {"fill": [selector, text]}; {"press": key};
// {"text": selector}; {"look": name} takes a picture and runs axe; {"download": selector}; {"close": 1}.
"use strict";
const fs = require("fs");
const path = require("path");
const readline = require("readline");
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

let browser, context, page, keys = [], problems = [];
const out = process.env.SCREENS;

async function look(name) {
  await Promise.all(page.frames().map(f => f.waitForLoadState("load").catch(() => 0)));
  await page.screenshot({ path: path.join(out, name + ".png"), fullPage: true });
  if (!context.withScripts) {
    return { violations: [] }; // axe is a script; the same pages are looked at with scripts on
  }
  // the page's own policy forbids scripts from elsewhere: axe goes in through the debugger, not through the page
  const session = await context.newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe + ";0" });
  const found = await session.send("Runtime.evaluate", {
    expression: "axe.run(document, {runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}, iframes: false})" +
      ".then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).join(', '))))",
    awaitPromise: true, returnByValue: true,
  });
  await session.detach();
  return { violations: JSON.parse(found.result.value) };
}

// A key with a fingerprint reader, put in on this page. With the next page the browser has it no more: what it holds, and how
// often that was used, goes into the next one.
async function useDevice() {
  const session = await context.newCDPSession(page);
  const note = e => { keys = keys.filter(k => k.credentialId !== e.credential.credentialId).concat(e.credential); };
  session.on("WebAuthn.credentialAdded", note);
  session.on("WebAuthn.credentialAsserted", note);
  await session.send("WebAuthn.enable");
  const id = (await session.send("WebAuthn.addVirtualAuthenticator", { options: { protocol: "ctap2", transport: "usb", hasResidentKey: true,
    hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } })).authenticatorId;
  for (const credential of keys) {
    await session.send("WebAuthn.addCredential", { authenticatorId: id, credential });
  }
}

async function step(s) {
  if (s.open) {
    browser = browser || await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu",
      "--host-resolver-rules=MAP gateway.test " + s.open.address + ", MAP files.test " + s.open.address].concat(
      s.open.trusts ? ["--ignore-certificate-errors-spki-list=" + s.open.trusts] : []) });
    context = await browser.newContext({ ignoreHTTPSErrors: !s.open.trusts, javaScriptEnabled: s.open.scripts, locale: s.open.locale, timezoneId: s.open.zone, colorScheme: s.open.colours,
      viewport: s.open.phone ? { width: 360, height: 740 } : { width: 1280, height: 900 }, isMobile: !!s.open.phone, hasTouch: !!s.open.phone });
    context.withScripts = s.open.scripts;
    page = await context.newPage();
    problems = [];
    page.on("console", m => { if (m.type() === "error") problems.push(m.text()); });
    page.on("pageerror", e => problems.push(String(e)));
    page.on("request", r => { if (!r.url().startsWith("https://gateway.test/") && !(s.open.files && r.url().startsWith("https://files.test/file/")) && !r.url().startsWith("data:") && !r.url().startsWith("about:")) problems.push("asked elsewhere: " + r.url()); });
    return {};
  }
  if (s.device) { await useDevice(); return {}; }
  if (s.leave) { if (browser) { await browser.close(); } browser = null; return {}; }
  if (s.goto) { const r = await page.goto(s.goto); return { status: r.status() }; }
  if (s.click) { await Promise.all([page.waitForLoadState("load"), page.click(s.click)]); await page.waitForLoadState("load"); return { url: page.url() }; }
  if (s.fill) { await page.fill(s.fill[0], s.fill[1]); return {}; }
  if (s.files) { await page.setInputFiles(s.files[0], s.files[1]); return {}; }
  if (s.press) { await page.keyboard.press(s.press); await page.waitForTimeout(s.wait || 50); return { focus: await focus() }; }
  if (s.type) { await page.keyboard.type(s.type); return {}; }
  if (s.text) { return { text: await page.innerText(s.text), url: page.url() }; }
  if (s.frame) { return { text: await page.frames()[1].locator("body").innerText(), url: page.frames()[1].url() }; }
  if (s.box) { // the message's own frame: is it as high as what it holds, and is all of it to be seen across?
    return await page.frames()[1].evaluate(() => {
      const e = document.documentElement;
      return { high: Math.floor(e.getBoundingClientRect().height), room: innerHeight, wide: e.scrollWidth, across: e.clientWidth };
    });
  }
  if (s.width) { return { wide: await page.evaluate("document.documentElement.scrollWidth"), room: await page.evaluate("document.documentElement.clientWidth") }; }
  if (s.look) { return await look(s.look); }
  if (s.download) {
    const [d] = await Promise.all([page.waitForEvent("download"), page.click(s.download)]);
    const failed = await d.failure(); if (failed) { throw new Error("download: " + failed + " " + d.url()); } return { name: d.suggestedFilename(), octets: fs.readFileSync(await d.path()).toString("base64") };
  }
  if (s.end) { await context.close(); return { problems }; }
  if (s.close) { if (browser) { await browser.close(); } return {}; }
  throw new Error("not a step: " + JSON.stringify(s));
}

async function focus() {
  return context.withScripts ? await page.evaluate("(document.activeElement.id || document.activeElement.textContent || document.activeElement.tagName).trim().slice(0, 60)") : "";
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      console.log(JSON.stringify(await step(JSON.parse(line))));
    } catch (e) {
      console.log(JSON.stringify({ error: String(e) }));
    }
  }
  process.exit(0);
})();
