// Chromium, driven by playwright-core, for the tests in this folder.
//
// Environment: EWALD_PAGE, EWALD_PLAIN_PAGE: where the page is served with isolation headers and without.
// CHROMIUM: the browser's program. `cargo xtask test --only browser` sets them.

import { chromium } from 'playwright-core';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const PAGE = required('EWALD_PAGE');
export const PLAIN_PAGE = required('EWALD_PLAIN_PAGE');

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run these tests by \`cargo xtask test --only browser\``);
  return value;
}

// Nothing may be looked up outside this machine, and WebGL 2 must work without a graphics card.
const SWITCHES = [
  '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
];

/**
 * Opens `address` in a browser with a fresh profile, and closes all of it when test `t` ends. What the page writes to
 * its console as errors, and exceptions that nothing catches, are kept in `page.errors`.
 */
export async function open(t, address, { viewport = { width: 1400, height: 900 } } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'ewald-chromium-'));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: required('CHROMIUM'), headless: true, args: SWITCHES, viewport, acceptDownloads: true,
  });
  t.after(async () => {
    await browser.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  const page = browser.pages()[0] ?? await browser.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(String(error)));
  page.on('console', (message) => { if (message.type() === 'error') page.errors.push(message.text()); });
  await page.goto(address);
  return page;
}

/** What `measure` gives once `good` is true of it, or after ten seconds: drawing follows a change when the machine gets round to it. */
export async function eventually(measure, good) {
  const end = Date.now() + 10_000;
  let value = await measure();
  while (!good(value) && Date.now() < end) value = await measure();
  return value;
}
