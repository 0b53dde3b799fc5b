// The table of spots: its order, its rows however many there are, and the spot that is lit in it, on the image and in the lattice.

import assert from 'node:assert/strict';
import test from 'node:test';
import { traceMainThread } from './main_thread.mjs';
import { results, select, withSpots } from './stages.mjs';

/** The rows that are there: the numbers of their cells by the head's names. */
const rows = (page) => page.evaluate(() => {
  const names = [...document.querySelectorAll('[data-testid="spot-table"] th')].map((th) => th.textContent.replace(/[ ▴▾].*/, ''));
  return [...document.querySelectorAll('[data-testid="spot-table"] tbody tr')].map((tr) => ({
    index: Number(tr.getAttribute('aria-rowindex')) - 2, lit: tr.classList.contains('lit'),
    ...Object.fromEntries([...tr.children].map((td, k) => [names[k], Number(td.textContent)])),
  }));
});

test('rows are sorted, only those that are seen are there, and the spot that is lit is lit everywhere', async (t) => {
  const page = await withSpots(t);
  await select(page, 'find-spots');
  const n = (await results(page))['find-spots'].values.n_spots;

  await page.getByTestId('spot-table-toggle').click();
  await page.getByTestId('spot-table-told').filter({ hasText: `${n} spots` }).waitFor({ timeout: 10_000 });
  await page.locator('[data-testid="spot-table"] tbody tr').first().waitFor();
  const first = await rows(page);
  assert.ok(first.length > 3 && first.length < 60, `${first.length} rows are in the document`);
  assert.ok(first.every((row, k) => k === 0 || row.I <= first[k - 1].I), 'the strongest come first');

  await page.getByTestId('sort-d').click();
  await page.waitForFunction(() => document.querySelector('[data-testid="spot-table"] th[aria-sort="ascending"]'));
  await page.waitForFunction((i) => Number(document.querySelector('[data-testid="spot-table"] tbody tr td:nth-child(5)').textContent) !== i, first[0].I);
  const byResolution = await rows(page);
  assert.ok(byResolution.every((row, k) => k === 0 || row.d >= byResolution[k - 1].d), 'the highest resolution comes first');

  // To the end, and back again.
  const busy = await traceMainThread(page, 20);
  const scroll = (top) => page.locator('[data-testid="spot-table"] .rows').evaluate((e, top) => { e.scrollTop = top; }, top);
  for (let k = 1; k <= 20; k += 1) { await scroll(k * n * 24 / 20); await page.waitForTimeout(20); }
  await page.locator(`[data-testid="spot-table"] tr[aria-rowindex="${n + 1}"]`).waitFor({ timeout: 5_000 });
  const tasks = await busy();
  assert.deepEqual(tasks.filter((task) => task.cpu > 50), [], 'scrolling blocked the main thread');
  await scroll(0);
  await page.locator('[data-testid="spot-table"] tr[aria-rowindex="2"]').waitFor();

  // A row that is clicked is on its image, and lit in the lattice.
  const row = (await rows(page))[2];
  await page.locator('[data-testid="spot-table"] tbody tr').nth(2).click();
  await page.locator(`[data-testid="image-canvas"][data-shown="0/${Math.floor(row.image) - 1}"]`).waitFor({ timeout: 10_000 });
  await page.locator('[data-testid="spot-table"] tbody tr.lit').waitFor();
  // Another, far from it, is lit where it is clicked: the table does not run back to the one before.
  const far = Math.floor(n / 2);
  await scroll(far * 24);
  await page.locator(`[data-testid="spot-table"] tr[aria-rowindex="${far + 3}"]`).click();
  await page.locator(`[data-testid="spot-table"] tr.lit[aria-rowindex="${far + 3}"]`).waitFor({ timeout: 5_000 });
  await page.waitForTimeout(300);
  assert.equal(await page.locator(`[data-testid="spot-table"] tr.lit[aria-rowindex="${far + 3}"]`).count(), 1);
  await scroll(0);
  await page.locator('[data-testid="spot-table"] tr[aria-rowindex="4"]').click();
  await page.locator('[data-testid="spot-table"] tr.lit[aria-rowindex="4"]').waitFor();
  await page.getByTestId('tab-lattice').click();
  await page.waitForFunction(() => window.ewaldLattice().lit !== null, null, { timeout: 30_000 });
  const lit = await page.evaluate(() => window.ewaldLattice(window.ewaldLattice().lit).spot.px);
  assert.ok(Math.hypot(lit[0] - row.x, lit[1] - row.y) < 0.2, `${lit} and ${row.x}, ${row.y}`);

  // The next one by key; and what is lit from elsewhere is brought into view, whatever the order.
  await page.locator('[data-testid="spot-table"] .rows').focus();
  await page.keyboard.press('ArrowDown');
  await page.locator('[data-testid="spot-table"] tr.lit[aria-rowindex="5"]').waitFor({ timeout: 5_000 });
  await page.getByTestId('sort-image').click();
  await page.waitForFunction(() => document.querySelector('[data-testid="spot-table"] tbody tr.lit') && document.querySelector('th[aria-sort="ascending"]').textContent.startsWith('image'));

  // Closed and opened again by key, with the lattice in front; nothing is left behind that breaks.
  await page.keyboard.press('l');
  await page.locator('[data-testid="spot-table"]').waitFor({ state: 'detached' });
  await page.waitForTimeout(200);
  await page.keyboard.press('l');
  await page.locator('[data-testid="spot-table"] tbody tr').first().waitFor();
  assert.deepEqual(page.errors, []);
});
