import assert from 'node:assert/strict';
import test from 'node:test';
import { PAGE, PLAIN_PAGE, open } from './chromium.mjs';

async function threadsAnswering(page) {
  const status = page.getByTestId('engine-status').filter({ hasText: /ready|cannot|refuse|failed/ });
  await status.waitFor({ timeout: 60_000 });
  const text = await status.textContent();
  assert.match(text, /engine ready, \d+ threads/);
  return Number(text.match(/(\d+) threads/)[1]);
}

test('the engine answers with as many threads as the machine has', async (t) => {
  const page = await open(t, PAGE);
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  const cores = await page.evaluate(() => navigator.hardwareConcurrency);
  const threads = await threadsAnswering(page);
  assert.ok(threads > 1, `${threads} thread`);
  assert.equal(threads, Math.min(cores, 16));
  assert.deepEqual(page.errors, []);
});

test('a host that sends no isolation headers gets threads through the service worker', async (t) => {
  const page = await open(t, PLAIN_PAGE);
  await page.waitForFunction(() => crossOriginIsolated, null, { timeout: 60_000 });
  assert.ok(await threadsAnswering(page) > 1);
});
