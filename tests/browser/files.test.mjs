// How files come in, and what is said of those that are no use. Needs no data from elsewhere.

import assert from 'node:assert/strict';
import { copyFile, open as openFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import test from 'node:test';
import { PAGE, eventually, open } from './chromium.mjs';
import { drop, folder, simulate } from './files.mjs';
import { waitFor } from './stages.mjs';

async function ready(t) {
  const page = await open(t, PAGE);
  await page.getByTestId('engine-status').filter({ hasText: 'ready' }).waitFor({ timeout: 60_000 });
  return page;
}

const firstImage = (page) => page.locator('[data-testid="image-canvas"][data-shown="0/0"]').waitFor({ timeout: 60_000 });

/** Opens files, waits for a message that has all of `words` in it, and sees that a good data set can still be opened. */
async function complains(t, page, files, words, good) {
  await page.getByTestId('file-input').setInputFiles(files);
  const message = page.getByTestId('message').first();
  await message.waitFor({ timeout: 30_000 });
  const text = await message.textContent();
  t.diagnostic(text);
  for (const word of words) assert.match(text, word);
  await page.waitForFunction(() => !document.querySelector('[data-state="running"]'));
  await page.getByTestId('file-input').setInputFiles([good.master, ...good.data]);
  await firstImage(page);
  assert.equal(await page.getByTestId('message').count(), 0, 'the message went with the files');
}

test('files and folders are dropped', async (t) => {
  const good = await simulate(t);
  const page = await ready(t);
  await drop(page, [good.master, ...good.data]);
  await firstImage(page);
  assert.deepEqual(page.errors, []);

  const other = await ready(t);
  await drop(other, [good.path]);
  await firstImage(other);
  assert.match(await other.locator('.what').textContent(), /20 images/);
  assert.deepEqual(other.errors, []);
});

test('a folder is chosen', async (t) => {
  const good = await simulate(t);
  const page = await ready(t);
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Choose a folder…' }).click();
  await (await chooser).setFiles(good.path);
  await firstImage(page);
});

test('files that cannot be used are named, with the problem and what to do', async (t) => {
  const good = await simulate(t);
  const page = await ready(t);
  const bad = await folder(t);

  const text = join(bad, 'notes.h5');
  await writeFile(text, 'these are not the bytes of an HDF5 file'.repeat(50));
  await complains(t, page, [text], [/notes\.h5/, /HDF5/], good);

  await complains(t, page, [good.master], [new RegExp(basename(good.data[0]).replaceAll('.', '\\.')), /add|choose|missing|needs/i], good);

  const truncated = join(bad, basename(good.data[0]));
  await copyFile(good.data[0], truncated);
  const handle = await openFile(truncated, 'r+');
  await handle.truncate(Math.floor((await stat(truncated)).size / 2));
  await handle.close();
  await page.getByTestId('file-input').setInputFiles([good.master, truncated]);
  await page.getByTestId('run-all').click();
  const message = page.getByTestId('message').filter({ hasText: basename(truncated) }).first();
  await message.waitFor({ timeout: 60_000 });
  t.diagnostic(await message.textContent());
  assert.match(await message.textContent(), /truncated|shorter|ends|incomplete|copy/i);

  // HDF5, but with nothing of NXmx in it: a data file alone.
  const alone = join(bad, 'alone.h5');
  await copyFile(good.data[0], alone);
  await page.waitForFunction(() => !document.querySelector('[data-state="running"]'));
  await complains(t, page, [alone], [/alone\.h5/, /NX|master|metadata/i], good);
});

test('images can be looked at while spots are found', async (t) => {
  const good = await simulate(t, { detector: 'eiger1m', images: 150 });
  const page = await ready(t);
  await page.getByTestId('file-input').setInputFiles([good.master, ...good.data]);
  await firstImage(page);
  await page.getByTestId('run-all').click();
  await waitFor(page, 'find-spots', 'running');
  const times = [];
  for (const image of [40, 80, 120]) {
    if (await page.getByTestId('stage-find-spots').getAttribute('data-state') !== 'running') break;
    times.push(await slideTo(page, image));
  }
  t.diagnostic(`images after ${times.map((ms) => ms.toFixed(0))} ms`);
  assert.ok(times.length > 0, 'spot finding was over before an image was asked for');
  // The aim is 150 ms on a machine of which nobody else wants anything.
  assert.ok(Math.min(...times) < 1000, `${times}`);
});

/** Moves the slider to image `n` (from 0) and waits until it is drawn; ms. */
function slideTo(page, n) {
  return page.evaluate((n) => new Promise((resolve) => {
    const slider = document.querySelector('input[aria-label="Image"]');
    const canvas = document.querySelector('[data-testid="image-canvas"]');
    const start = performance.now();
    const watch = new MutationObserver(() => {
      if (canvas.dataset.shown !== `0/${n}`) return;
      watch.disconnect();
      resolve(performance.now() - start);
    });
    watch.observe(canvas, { attributes: true });
    slider.value = String(n + 1);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  }), n);
}

test('colours, stacks, thresholds and profiles show what they say', async (t) => {
  const good = await simulate(t);
  const page = await ready(t);
  await page.getByTestId('file-input').setInputFiles([good.master, ...good.data]);
  await firstImage(page);
  const middle = () => page.getByTestId('image-canvas').evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(canvas.width / 2 - 60, canvas.height / 2 - 60, 40, 40);
    return [0, 1, 2].map((k) => data.reduce((sum, v, i) => (i % 4 === k ? sum + v : sum), 0) / 1600);
  });
  const canvas = page.getByTestId('image-canvas');
  const grey = await eventually(middle, (grey) => grey[0] > 100);
  assert.ok(grey[0] > 100 && Math.abs(grey[0] - grey[2]) < 40, `grey ${grey}`);
  await page.getByLabel('Colours (c)').selectOption('viridis');
  const viridis = await eventually(middle, (viridis) => viridis[2] > viridis[0] + 10);
  assert.ok(viridis[2] > viridis[0] + 10, `viridis ${viridis}`);

  // A stack's pixel is the sum of the images' pixels.
  const value = async () => {
    await canvas.hover({ position: { x: 200, y: 200 } });
    await page.mouse.move(0, 0);
    await canvas.hover({ position: { x: 200, y: 200 } });
    await page.waitForFunction(() => / px · \d/.test(document.querySelector('[data-testid="readout"]').textContent));
    return Number((await page.getByTestId('readout').textContent()).match(/ px · ([\d.]+)/)[1]);
  };
  let sum = 0;
  for (let image = 0; image < 3; image += 1) {
    await page.locator(`[data-testid="image-canvas"][data-shown="0/${image}"]`).waitFor();
    sum += await value();
    if (image < 2) await page.keyboard.press('ArrowRight');
  }
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await page.locator('[data-testid="image-canvas"][data-shown="0/0"]').waitFor();
  await page.locator('details.menu', { hasText: 'Stack' }).locator('summary').click();
  await page.getByLabel('Images in the stack').fill('3');
  await page.getByLabel('Images in the stack').press('Tab');
  await page.waitForTimeout(500);
  assert.equal(await value(), sum);

  // A higher threshold finds fewer pixels.
  await page.locator('details.menu', { hasText: 'Show' }).locator('summary').click();
  await page.getByLabel('What is drawn').selectOption('strong pixels');
  const found = page.getByTestId('threshold-found');
  await found.filter({ hasText: ' pixels on this image' }).waitFor();
  const count = async () => Number((await found.textContent()).match(/(\d+) pixels/)[1]);
  const before = await count();
  await page.getByTestId('threshold-sigma_strong').evaluate((s) => { s.value = '12'; s.dispatchEvent(new Event('input', { bubbles: true })); });
  await page.waitForFunction((n) => Number(document.querySelector('[data-testid="threshold-found"]').textContent.match(/(\d+) pixels/)?.[1]) < n, before);

  await page.locator('details.menu', { hasText: 'Profile' }).locator('summary').click();
  await page.getByRole('checkbox', { name: 'by resolution' }).check();
  await page.locator('[data-testid="profile"] svg').waitFor();
  assert.deepEqual(page.errors, []);
});
