// A reflection's shoebox, as a user meets it: a click on a reflection of an integrated image tells how its intensity comes of its pixels.

import assert from 'node:assert/strict';
import test from 'node:test';
import { PAGE, open } from './chromium.mjs';
import { waitFor } from './stages.mjs';

const told = (page) => page.evaluate(() => window.ewald.reflection());

/** Waits until the panel shows what was asked for; what it shows. */
async function arrived(page) {
  await page.waitForFunction(() => {
    const panel = document.querySelector('[data-testid="shoebox"]');
    return panel?.dataset.number && panel.getAttribute('aria-busy') === 'false';
  }, null, { timeout: 60_000, polling: 50 });
  return told(page);
}

/** The value at the end of a line of the arithmetic. */
const step = async (page, table, name) => {
  const row = page.locator(`[data-table="${table}"] tr`, { hasText: name }).last();
  return Number(await row.locator('td').last().textContent());
};

/** Equal but for the digits that are written. */
const close = (a, b, what) => assert.ok(Math.abs(a - b) <= 1e-4 * Math.abs(b) + 1e-9, `${what}: ${a}, ${b}`);

test('a click on a reflection opens its shoebox, whose arithmetic ends at the intensity in the table', async (t) => {
  const page = await open(t, PAGE);
  await page.getByTestId('engine-status').filter({ hasText: 'ready' }).waitFor({ timeout: 60_000 });
  await page.getByTestId('demo').click();
  await waitFor(page, 'integrate', 'done');
  await page.getByTestId('cancel').click();
  await page.waitForFunction(() => !document.querySelector('[data-state="running"]'), null, { polling: 50 });
  await page.getByTestId('stage-integrate').getByRole('button').click();

  // A strong reflection is found by its index, shown on its image, and clicked on there.
  const canvas = page.getByTestId('image-canvas');
  await page.waitForFunction(() => document.querySelector('[data-testid="image-canvas"]').dataset.drawn);
  const box = await canvas.boundingBox();
  let shown = null;
  for (let k = 0; k < 60 && shown === null; k += 1) {
    const [x, y] = [0.2 + 0.6 * ((7 * k) % 20) / 20, 0.1 + 0.3 * ((3 * k) % 10) / 10];
    await page.mouse.click(box.x + x * box.width, box.y + y * box.height);
    await page.waitForTimeout(100);
    if (await page.getByTestId('shoebox').count()) shown = await arrived(page);
  }
  assert.ok(shown, 'no reflection where the clicks were');

  // Through a few reflections: what is told was measured again, and is what integration has in its table.
  let [fitted, summed] = [0, 0];
  for (let k = 0; k < 12; k += 1) {
    const { values } = shown.report;
    t.diagnostic(`(${shown.hkl}) ${shown.report.headline}: ${shown.report.verdict}`);
    assert.equal(values.agrees, 1, JSON.stringify(shown.report));
    assert.match(await page.getByTestId('shoebox-title').textContent(), new RegExp(`\\(${shown.hkl.join(' ')}\\)`));
    if (shown.report.labels.fate === 'both' || shown.report.labels.fate === 'fitted') {
      assert.equal(values.i_prf, shown.tabulated.i_prf);
      close(await step(page, 'account_fit', 'I = A/F'), shown.tabulated.i_prf, 'fitted I');
      close(await step(page, 'account_fit', 'σ(I)'), Math.sqrt(shown.tabulated.var_prf), 'its σ');
      fitted += 1;
    }
    if (shown.report.labels.fate === 'both' || shown.report.labels.fate === 'summed') {
      assert.equal(values.i_sum, shown.tabulated.i_sum);
      close(await step(page, 'account_sum', 'I = Σc − B'), shown.tabulated.i_sum, 'summed I');
      close(await step(page, 'account_sum', 'σ(I)'), Math.sqrt(shown.tabulated.var_sum), 'its σ');
      summed += 1;
    }
    const before = shown.number;
    await page.getByTestId('shoebox-next').click();
    await page.waitForFunction((n) => document.querySelector('[data-testid="shoebox"]').dataset.number !== String(n), before, { timeout: 60_000 });
    shown = await arrived(page);
    assert.ok(shown.number > before);
  }
  assert.ok(fitted > 5 && summed > 5, `${fitted} fitted, ${summed} summed`);

  // Pixels tell their values, and the pictures become larger.
  const counts = page.locator('[data-layer="counts"]');
  await counts.scrollIntoViewIfNeeded();
  await counts.hover({ position: { x: 20, y: 40 } });
  assert.match(await page.getByTestId('shoebox-pixel').textContent(), /pixel \(\d+, \d+\) on image \d+, .*c = \d+/);
  const width = (await counts.boundingBox()).width;
  await page.getByTestId('shoebox-zoom').fill('30');
  await page.waitForFunction((w) => document.querySelector('[data-layer="counts"]').getBoundingClientRect().width > w, width);

  // By its index, wherever it is; what was not predicted is said.
  await page.getByTestId('shoebox-find').fill(`(${shown.hkl.join(', ')})`);
  await page.getByTestId('shoebox-find').press('Enter');
  assert.deepEqual((await arrived(page)).hkl, shown.hkl);
  await page.getByTestId('shoebox-find').fill('99 99 99');
  await page.getByTestId('shoebox-find').press('Enter');
  await page.getByTestId('shoebox-problem').waitFor();
  assert.deepEqual(page.errors, []);
});
