// The page itself: its hooks, its image, what it says about files, and how it behaves while stages run.

import assert from 'node:assert/strict';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'node:test';
import { PAGE, open } from './chromium.mjs';
import { STAGES, results, waitFor } from './stages.mjs';

const DATA = process.env.EWALD_TEST_DATA ?? resolve(import.meta.dirname, '../../../shared/data');

async function ready(t, options) {
  const page = await open(t, PAGE, options);
  await page.getByTestId('engine-status').filter({ hasText: 'ready' }).waitFor({ timeout: 60_000 });
  return page;
}

/** Whether the folder of test data is there; says loudly when not. */
async function dataOr(t, path) {
  try {
    await access(join(DATA, path));
    return true;
  } catch {
    console.error(`SKIPPED: ${join(DATA, path)} is missing`);
    t.skip('test data missing');
    return false;
  }
}

/** How many of the canvas's pixels are dark, of all that are drawn. */
const drawn = (page) => page.getByTestId('image-canvas').evaluate((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let dark = 0, all = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] === 0) continue;
    all += 1;
    if (data[i] < 100) dark += 1;
  }
  return { dark, all };
});

test('the hooks are there before anything is open', async (t) => {
  const page = await ready(t);
  for (const hook of ['file-input', 'demo', 'run-all', 'cancel', 'image-canvas', 'download-merged-mtz', 'download-scaled-mtz']) {
    assert.equal(await page.getByTestId(hook).count(), 1, hook);
  }
  for (const stage of STAGES) {
    assert.equal(await page.getByTestId(`stage-${stage}`).getAttribute('data-state'), 'idle', stage);
    assert.equal(await page.getByTestId(`report-${stage}`).count(), 1, stage);
  }
  assert.deepEqual(await results(page), {});
  assert.deepEqual(page.errors, []);
});

test('the first image and what was recognised are there within two seconds of the drop', async (t) => {
  if (!await dataOr(t, 'l_cysteine/eiger')) return;
  const page = await ready(t);
  const files = ['l-cyst_01_master.h5', 'l-cyst_01_data_000001.h5', 'l-cyst_01_data_000002.h5'];
  const start = Date.now();
  await page.getByTestId('file-input').setInputFiles(files.map((f) => join(DATA, 'l_cysteine/eiger', f)));
  await page.locator('[data-testid="image-canvas"][data-shown="0/0"]').waitFor({ timeout: 20_000 });
  const took = Date.now() - start;
  t.diagnostic(`first image after ${took} ms`);
  assert.ok(took < 2000, `it took ${took} ms`);
  await page.waitForTimeout(200);
  const pixels = await drawn(page);
  assert.ok(pixels.all > 50_000, `${pixels.all} pixels are drawn`);
  assert.match(await page.getByTestId('report-import').textContent(), /image/i);
  // The arrow keys go to the next image, and the slider's number follows.
  await page.keyboard.press('ArrowRight');
  await page.locator('[data-testid="image-canvas"][data-shown="0/1"]').waitFor({ timeout: 5_000 });
  assert.deepEqual(page.errors, []);
});

test('a master without its data files names them, and adding them is enough', async (t) => {
  if (!await dataOr(t, 'l_cysteine/eiger')) return;
  const page = await ready(t);
  const file = (name) => join(DATA, 'l_cysteine/eiger', name);
  await page.getByTestId('file-input').setInputFiles(file('l-cyst_01_master.h5'));
  const message = page.getByTestId('message').filter({ hasText: 'l-cyst_01_data_000001.h5' }).first();
  await message.waitFor({ timeout: 20_000 });
  await page.getByTestId('file-input').setInputFiles([file('l-cyst_01_data_000001.h5'), file('l-cyst_01_data_000002.h5')]);
  await waitFor(page, 'import', 'done', 20_000);
  await page.locator('[data-testid="image-canvas"][data-shown="0/0"]').waitFor({ timeout: 5_000 });
});

test('a message stays until it is read, and other files replace those that were no use', async (t) => {
  if (!await dataOr(t, 'l_cysteine/single')) return;
  const folder = await mkdtemp(join(tmpdir(), 'ewald-files-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const bad = join(folder, 'shopping_list.h5');
  await writeFile(bad, 'milk\neggs\n'.repeat(100));
  const page = await ready(t);
  await page.getByTestId('file-input').setInputFiles(bad);
  const message = page.getByTestId('message').filter({ hasText: 'shopping_list.h5' });
  await message.first().waitFor({ timeout: 20_000 });
  const text = await message.first().textContent();
  assert.match(text, /HDF5/, 'the problem is named');
  await page.waitForTimeout(1500);
  assert.equal(await message.count(), 1, 'it stays');
  await message.getByRole('button').click();
  assert.equal(await message.count(), 0, 'it goes when read');

  await page.getByTestId('file-input').setInputFiles(join(DATA, 'l_cysteine/single/l-cyst_01.nxs'));
  await waitFor(page, 'import', 'done', 20_000);
  assert.equal(await page.getByTestId('message').count(), 0);
});

test('a parameter that is changed is marked, makes results stale, and goes back with one click', async (t) => {
  if (!await dataOr(t, 'l_cysteine/single')) return;
  const page = await ready(t);
  await page.getByTestId('file-input').setInputFiles(join(DATA, 'l_cysteine/single/l-cyst_01.nxs'));
  await waitFor(page, 'import', 'done', 20_000);
  await page.keyboard.press('2');
  await page.keyboard.press('Enter');
  await waitFor(page, 'find-spots', 'done', 60_000);
  const spots = (await results(page))['find-spots'].values;
  assert.ok(spots && Object.keys(spots).length > 0);
  const field = page.locator('.one:not(.away) .param input[type=text]').first();
  const before = await field.inputValue();
  await field.fill('7');
  await field.press('Tab');
  assert.equal(await page.getByTestId('stage-find-spots').getAttribute('data-state'), 'stale');
  assert.equal(await page.getByTestId('stage-import').getAttribute('data-state'), 'done');
  const row = page.locator('.one:not(.away) .param.changed');
  assert.equal(await row.count(), 1);
  await row.getByRole('button').click();
  assert.equal(await field.inputValue(), before);
  assert.equal(await page.locator('.param.changed').count(), 0);
});

test('nothing sticks out of a laptop\'s or a telephone\'s window', async (t) => {
  for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 800 }]) {
    const page = await ready(t, { viewport });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${wide} px too wide at ${viewport.width}`);
  }
});
