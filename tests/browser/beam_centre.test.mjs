// The search for the beam centre, as a user meets it: indexing fails or goes wrong, a click looks for the centre, another uses it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { simulate } from './files.mjs';
import { atRest, ready, results, runSelected, select, waitFor } from './stages.mjs';

/** Gives import a parameter. */
async function setImport(page, name, text) {
  await select(page, 'import');
  await page.locator(`#param-import-${name}`).fill(text);
  await page.locator(`#param-import-${name}`).press('Tab');
}

/** The demo up to the spots, its header's centre moved by `error` px (slow, fast). */
async function withWrongCentre(t, error) {
  const page = await ready(t);
  await page.getByTestId('demo').click();
  await waitFor(page, 'index', 'done');
  await page.getByTestId('cancel').click();
  await atRest(page);
  const right = (await results(page)).import.values;
  const wrong = [right.beam_centre_y + error[0], right.beam_centre_x + error[1]];
  await setImport(page, 'slow_fast_beam_centre', wrong.map((v) => v.toFixed(3)).join(','));
  await select(page, 'find-spots');
  assert.equal(await page.getByTestId('stage-find-spots').getAttribute('data-state'), 'stale');
  await runSelected(page, 'find-spots');
  return { page, right, wrong };
}

const MM = 0.075;

test('a centre 3 mm off is found to 0.1 mm, used, and indexing succeeds; another click takes it back', async (t) => {
  const { page, right, wrong } = await withWrongCentre(t, [-22, 33]);
  await page.getByTestId('beam-centre-find-spots').click();
  await page.getByTestId('beam-verdict').waitFor({ timeout: 120_000 });
  const verdict = await page.getByTestId('beam-verdict').textContent();
  t.diagnostic(verdict);
  const [fast, slow] = verdict.match(/at \(([-\d.]+), ([-\d.]+)\) px/).slice(1).map(Number);
  // The simulated header itself is off by (0.05, −0.04) mm; the search may find the truth or the header.
  const miss = Math.hypot(fast - right.beam_centre_x, slow - right.beam_centre_y) * MM;
  t.diagnostic(`${miss.toFixed(3)} mm from the header's centre`);
  assert.ok(miss < 0.1 + Math.hypot(0.05, 0.04), `${miss} mm`);

  // The map: marks at the header's and the found centre, and a score under the cursor.
  const map = page.getByTestId('beam-map');
  const box = await map.locator('svg').first().boundingBox();
  const place = async (name) => {
    const b = await map.locator(`[data-mark="${name}"] path`).first().boundingBox();
    return [b.x + b.width / 2, b.y + b.height / 2];
  };
  const scoreAt = async ([x, y]) => {
    await page.mouse.move(x, y);
    const text = await page.getByTestId('beam-under').textContent();
    const [, px, py, score] = text.match(/fast ([-\d.]+), slow ([-\d.]+) px .* score (-?[\d.]+)/);
    return { at: [Number(px), Number(py)], score: Number(score) };
  };
  await map.scrollIntoViewIfNeeded();
  assert.ok(box.width > 300);
  const [header, found] = [await scoreAt(await place('header')), await scoreAt(await place('found'))];
  assert.ok(Math.hypot(header.at[0] - wrong[1], header.at[1] - wrong[0]) < 3, JSON.stringify(header));
  assert.ok(Math.hypot(found.at[0] - fast, found.at[1] - slow) < 3, JSON.stringify(found));
  assert.ok(found.score > 0.5 && found.score > header.score + 0.2, `${found.score} at the centre found, ${header.score} at the header's`);

  // Used: everything is stale; taken back: the spots are up to date again; used again: indexing.
  const state = (stage) => page.getByTestId(`stage-${stage}`).getAttribute('data-state');
  await page.getByTestId('beam-apply').click();
  assert.deepEqual([await state('import'), await state('find-spots')], ['stale', 'stale']);
  await page.getByTestId('beam-undo').click();
  assert.deepEqual([await state('import'), await state('find-spots')], ['done', 'done']);
  await page.getByTestId('beam-apply').click();
  await page.getByTestId('beam-run').click();
  await page.waitForFunction(() => document.querySelector('[data-testid="stage-index"]').dataset.state === 'running', null, { timeout: 120_000 });
  await waitFor(page, 'index', 'done');
  const after = (await results(page)).index.values;
  t.diagnostic(`${after.percent_indexed?.toFixed(1)} % indexed`);
  assert.ok(after.percent_indexed > 80, JSON.stringify(after));
  assert.deepEqual(page.errors, []);
});

test('without spots the images themselves tell roughly where the centre is', async (t) => {
  const { page, right } = await withWrongCentre(t, [40, -40]);
  await page.getByTestId('tab-beam-centre').click();
  for (const method of ['midpoint', 'maximum', 'inversion']) {
    await page.getByTestId('beam-method').selectOption(method);
    await page.getByTestId('beam-search').click();
    await page.locator('[data-testid="beam-centre"] [data-plot="projection_fast"]').waitFor({ timeout: 120_000 });
    await page.waitForFunction(() => document.querySelector('[data-testid="beam-centre"]').getAttribute('aria-busy') === 'false');
    assert.match(await page.locator('[data-plot="projection_slow"]').first().textContent(), /Centre.*Header/);
    const [fast, slow] = (await page.getByTestId('beam-verdict').textContent()).match(/at \(([-\d.]+), ([-\d.]+)\) px/).slice(1).map(Number);
    const miss = Math.hypot(fast - right.beam_centre_x, slow - right.beam_centre_y) * MM;
    t.diagnostic(`${method}: ${miss.toFixed(2)} mm`);
    assert.ok(miss < 4, `${method}: ${miss} mm`);
  }
  assert.deepEqual(page.errors, []);
});

test('sweeps whose headers differ are put right together, and cleared together', async (t) => {
  // One crystal on two detectors; the beam is 1.5 and 1.2 mm from where either header has it.
  const of = { seed: 3, beam_error: '1.5,-1.2', distance_error: 0, images: 60 };
  const [one, two] = [await simulate(t, { ...of, name: 'one' }), await simulate(t, { ...of, name: 'two', detector: 'eiger1m', distance: 110, phi0_deg: 40 })];
  const page = await ready(t);
  await page.getByTestId('file-input').setInputFiles([one.master, ...one.data, two.master, ...two.data]);
  await waitFor(page, 'import', 'done');
  await atRest(page);
  await select(page, 'find-spots');
  await runSelected(page, 'find-spots');
  const centres = async () => (await results(page)).import.tables[0].rows.map((row) => [row[6].value, row[7].value]);
  const before = await centres();
  assert.ok(Math.abs(before[0][0] - before[1][0]) > 100, `the headers' centres differ: ${JSON.stringify(before)}`);
  await page.getByTestId('beam-centre-find-spots').click();
  await page.getByTestId('beam-verdict').waitFor({ timeout: 120_000 });
  await page.getByTestId('beam-apply').click();
  const [slow, fast] = (await page.locator('#param-import-slow_fast_beam_shift').inputValue()).split(',').map(Number);
  t.diagnostic(`shift ${slow}, ${fast} mm`);
  assert.ok(Math.hypot(fast + 1.5, slow - 1.2) < 0.1 && Math.hypot(fast, slow) > 1, `${slow}, ${fast}`);
  await page.getByTestId('beam-run').click();
  await waitFor(page, 'index', 'done');
  await atRest(page);
  const after = await centres();
  for (const k of [0, 1]) {
    const by = [0, 1].map((axis) => (after[k][axis] - before[k][axis]) * MM);
    assert.ok(Math.hypot(by[0] - fast, by[1] - slow) < 0.01, `sweep ${k + 1}: ${by} mm`);
  }
  const indexed = (await results(page)).index.values;
  assert.ok(indexed.percent_indexed > 80, JSON.stringify(indexed));

  // A second search starts from the shifted models, and what it finds adds to the first.
  const first = await page.getByTestId('beam-verdict').textContent();
  await page.getByTestId('beam-search').click();
  await page.waitForFunction((first) => document.querySelector('[data-testid="beam-verdict"]')?.textContent !== first, first, { timeout: 120_000 });
  await page.getByTestId('beam-apply').click();
  const again = (await page.locator('#param-import-slow_fast_beam_shift').inputValue()).split(',').map(Number);
  assert.ok(Math.hypot(again[0] - slow, again[1] - fast) < 0.05, `${again}`);
  await page.getByTestId('beam-undo').click();
  assert.equal(await page.getByTestId('stage-index').getAttribute('data-state'), 'done');
  // Without the parameter everything is as the headers say.
  await setImport(page, 'slow_fast_beam_shift', 'auto');
  await runSelected(page, 'import');
  assert.deepEqual(await centres(), before);
  assert.deepEqual(page.errors, []);
});
