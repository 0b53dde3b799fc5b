// The reciprocal lattice: what is drawn, what a click finds, and how fast, by the page's own numbers.

import assert from 'node:assert/strict';
import test from 'node:test';
import { PAGE, eventually, open } from './chromium.mjs';
import { traceMainThread } from './main_thread.mjs';
import { results, waitFor } from './stages.mjs';

/** What the viewer tells of itself; with a row, also of that spot. */
const told = (page, row) => page.evaluate((row) => window.ewaldLattice(row), row);

/** The demo, far enough to have a lattice, with the viewer in front. */
async function lattice(t, { address = PAGE, until = 'index' } = {}) {
  const page = await open(t, address);
  await page.getByTestId('engine-status').filter({ hasText: 'ready' }).waitFor({ timeout: 60_000 });
  await page.getByTestId('demo').click();
  await waitFor(page, until, 'done');
  await page.getByTestId('cancel').click();
  await page.waitForFunction(() => !document.querySelector('[data-state="running"]'), null, { polling: 50 });
  await page.getByTestId(`stage-${until}`).getByRole('button').click();
  await page.getByTestId('tab-lattice').click();
  await page.waitForFunction(() => window.ewaldLattice().points > 0 && window.ewaldLattice().drawn > 0, null, { timeout: 30_000 });
  return page;
}

/** Pixels of the canvas that differ from its corner, and how many different colours they have. */
async function coloured(page) {
  // What lies over the points would be in the picture too.
  const style = await page.addStyleTag({ content: '.lattice > :not(canvas) { visibility: hidden !important }' });
  await page.waitForTimeout(400);
  const picture = await page.getByTestId('lattice-canvas').screenshot();
  await style.evaluate((element) => element.remove());
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    // Where the canvas begins between two pixels its outermost row is partly the frame's.
    const { data } = context.getImageData(2, 2, bitmap.width - 4, bitmap.height - 4);
    const ground = [data[0], data[1], data[2]];
    let pixels = 0;
    const hues = new Set();
    for (let i = 0; i < data.length; i += 4) {
      if (ground.every((g, k) => Math.abs(data[i + k] - g) < 12)) continue;
      pixels += 1;
      hues.add((data[i] >> 5) << 6 | (data[i + 1] >> 5) << 3 | data[i + 2] >> 5);
    }
    return { pixels, hues: hues.size };
  }, picture.toString('base64'));
}

/** A row whose point has no other within `apart` px on the screen and lies within the canvas, away from its edges. */
async function alone(page, apart) {
  return page.evaluate((apart) => {
    const box = document.querySelector('[data-testid="lattice-canvas"]').getBoundingClientRect();
    const n = window.ewaldLattice().points;
    const cells = new Map();
    const key = (x, y) => `${Math.floor(x / apart)},${Math.floor(y / apart)}`;
    const all = [];
    for (let row = 0; row < n; row += 1) {
      const { at } = window.ewaldLattice(row).spot;
      all.push(at);
      const k = key(...at);
      cells.set(k, [...(cells.get(k) ?? []), row]);
    }
    const inside = ([x, y]) => x > 60 && x < box.width - 60 && y > 60 && y < box.height - 100;
    return all.findIndex(([x, y], row) => {
      if (!inside([x, y])) return false;
      for (const dx of [-1, 0, 1]) for (const dy of [-1, 0, 1]) {
        const near = cells.get(key(x + dx * apart, y + dy * apart)) ?? [];
        if (near.some((other) => other !== row && Math.hypot(all[other][0] - x, all[other][1] - y) < apart)) return false;
      }
      return true;
    });
  }, apart);
}

test('all spots are drawn, in the colours asked for, and filters hide them', async (t) => {
  const page = await lattice(t, { until: 'index' });
  const spots = (await results(page))['find-spots'].values;
  const state = await told(page);
  assert.equal(state.points, spots.n_spots, 'a point for every spot');
  assert.ok(state.points > 1000, `${state.points} points`);
  assert.equal(state.shown, state.points);
  assert.equal(state.after, 'index');
  assert.equal(state.colour, 'lattice');
  assert.match(await page.getByTestId('lattice-legend').textContent(), /lattice 1.*not indexed/);

  // Only the points: axes are lines in the same picture.
  await page.locator('.tools summary', { hasText: 'Show' }).click();
  for (const lines of ['a* b* c*', 'a b c', 'beam, axis']) await page.getByRole('checkbox', { name: lines, exact: true }).uncheck();
  // The open menu would be in the picture.
  await page.locator('.tools summary', { hasText: 'Show' }).click();
  const all = await coloured(page);
  t.diagnostic(`${state.points} points colour ${all.pixels} pixels`);
  assert.ok(all.pixels > 0.3 * state.points, `${all.pixels} pixels are coloured`);

  // By resolution: many more hues than by lattice.
  await page.getByTestId('lattice-colour').selectOption({ label: 'resolution' });
  const ramp = await eventually(() => coloured(page), (ramp) => ramp.hues > all.hues + 5);
  assert.ok(ramp.hues > all.hues + 5, `${ramp.hues} hues by resolution, ${all.hues} by lattice`);

  // The images' first tenth: fewer points, fewer pixels; and none where there are none.
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.getByLabel('Last image').fill('6');
  await page.getByLabel('Last image').press('Tab');
  await page.waitForFunction((n) => { const s = window.ewaldLattice().shown; return s !== null && s < n; }, state.points);
  const few = await told(page);
  assert.ok(few.shown > 0 && few.shown < 0.5 * state.points, `${few.shown} of ${state.points} are shown`);
  const fewer = await eventually(() => coloured(page), (fewer) => fewer.pixels < 0.7 * all.pixels);
  assert.ok(fewer.pixels < 0.7 * all.pixels && fewer.pixels > 0, `${fewer.pixels} of ${all.pixels} pixels are left`);
  await page.getByLabel('First image').fill('5000');
  await page.getByLabel('First image').press('Tab');
  await page.waitForFunction(() => window.ewaldLattice().shown === 0);
  assert.equal((await eventually(() => coloured(page), (none) => none.pixels === 0)).pixels, 0);
  await page.getByRole('button', { name: 'Show all' }).click();
  await page.waitForFunction((n) => window.ewaldLattice().shown === n, state.points);
  assert.deepEqual(page.errors, []);
});

test('a click on a point lights its spot on its image, and a click on the spot its point', async (t) => {
  const page = await lattice(t);
  const canvas = page.getByTestId('lattice-canvas');
  await canvas.focus();
  for (let i = 0; i < 15; i += 1) await page.keyboard.press('+');
  await page.waitForTimeout(300);
  const row = await alone(page, 16);
  assert.ok(row >= 0, 'a point stands alone');
  const { spot } = await told(page, row);
  await canvas.click({ position: { x: spot.at[0], y: spot.at[1] } });
  await page.waitForFunction((row) => window.ewaldLattice().lit === row, row, { timeout: 5_000 });
  await page.getByTestId('lattice-lit').waitFor();
  const text = await page.getByTestId('lattice-told').textContent();
  assert.match(text, new RegExp(`image ${spot.image + 1} · ${spot.px[0].toFixed(1)}, ${spot.px[1].toFixed(1)} px`));
  // The index says where the point is: its distance from the origin is 1/d, and d is told.
  const d = 1 / Math.hypot(...spot.point);
  assert.ok(text.includes(`${d.toFixed(2)} Å`), text);
  await page.locator(`[data-testid="image-canvas"][data-shown="${spot.sweep}/${spot.image}"]`).waitFor({ timeout: 10_000, state: 'attached' });

  await canvas.focus();
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => window.ewaldLattice().lit === null);

  // And back: the readout under the cursor tells where on the screen the spot is.
  await page.getByTestId('tab-image').click();
  const image = page.getByTestId('image-canvas');
  await page.locator(`[data-testid="image-canvas"][data-shown="${spot.sweep}/${spot.image}"]`).waitFor({ timeout: 10_000 });
  const box = await image.boundingBox();
  const under = async (x, y) => {
    await page.mouse.move(box.x + x, box.y + y);
    await page.waitForTimeout(200);
    return (await page.getByTestId('readout').textContent()).match(/([\d.]+), ([\d.]+) px/).slice(1).map(Number);
  };
  const [p, q] = [[0.4, 0.4], [0.6, 0.6]].map(([x, y]) => [x * box.width, y * box.height]);
  const [a, b] = [await under(...p), await under(...q)];
  const at = [0, 1].map((i) => p[i] + (spot.px[i] - a[i]) * (q[i] - p[i]) / (b[i] - a[i]));
  await page.mouse.click(box.x + at[0], box.y + at[1]);
  await page.waitForFunction((row) => window.ewaldLattice().lit === row, row, { timeout: 5_000 });
  assert.deepEqual(page.errors, []);
});

test('looking along a reciprocal axis makes rows of points, and the keys turn the lattice', async (t) => {
  const page = await lattice(t);
  const canvas = page.getByTestId('lattice-canvas');
  await canvas.focus();
  await page.keyboard.press('c');
  // Along c*, reflections that differ in l alone fall on each other.
  const spread = await page.evaluate(() => {
    const columns = new Map();
    for (let row = 0; row < window.ewaldLattice().points; row += 1) {
      const { hkl, at } = window.ewaldLattice(row).spot;
      if (!hkl) continue;
      const key = `${hkl[0]},${hkl[1]}`;
      columns.set(key, [...(columns.get(key) ?? []), at]);
    }
    const widths = [...columns.values()].filter((c) => c.length > 3).map((c) => {
      const mean = [0, 1].map((i) => c.reduce((s, p) => s + p[i], 0) / c.length);
      return Math.max(...c.map((p) => Math.hypot(p[0] - mean[0], p[1] - mean[1])));
    });
    widths.sort((a, b) => a - b);
    return { columns: widths.length, typical: widths[Math.floor(widths.length / 2)] };
  });
  t.diagnostic(JSON.stringify(spread));
  assert.ok(spread.columns > 20 && spread.typical < 4, JSON.stringify(spread));
  const before = (await told(page, 0)).spot.at;
  await page.keyboard.press('ArrowRight');
  const after = (await told(page, 0)).spot.at;
  assert.ok(Math.hypot(after[0] - before[0], after[1] - before[1]) > 1);
  // The arrow keys turned the lattice and left the image where it was.
  assert.equal(await page.getByTestId('image-canvas').getAttribute('data-shown'), '0/0');
  // Dragging turns it as well.
  const box = await canvas.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 90, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  assert.notDeepEqual((await told(page, 0)).spot.at, after);
  assert.equal((await told(page)).lit, null, 'a drag is no click');
});

test('a beam centre on trial moves the points, and becomes parameters of import', async (t) => {
  const page = await lattice(t, { until: 'find-spots' });
  assert.equal((await told(page)).after, 'find-spots');
  const before = (await told(page, 10)).spot.point;
  await page.getByRole('button', { name: 'Geometry' }).click();
  const sheet = page.getByTestId('lattice-geometry');
  const was = await page.getByTestId('lattice-values').textContent();
  assert.equal(await page.getByTestId('lattice-apply').isDisabled(), true, 'nothing to apply yet');
  await sheet.getByLabel('Beam, fast, px, as a number').fill('10');
  await sheet.getByLabel('Beam, fast, px, as a number').press('Tab');
  const now = await page.getByTestId('lattice-values').textContent();
  const fast = (text) => Number(text.match(/, ([\d.]+) px/)[1]);
  assert.ok(Math.abs(fast(now) - fast(was) - 10) < 0.02, `${was} → ${now}`);
  const moved = (await told(page, 10)).spot.point;
  const shift = Math.hypot(...moved.map((v, i) => v - before[i]));
  assert.ok(shift > 1e-4 && shift < 0.1, `${shift} per Å`);
  await page.getByTestId('lattice-apply').click();
  assert.equal(await page.getByTestId('stage-import').getAttribute('data-state'), 'stale');
  // Running again makes it real: the points stay where the trial had put them, and the trial is over.
  await page.locator('.one:not(.away)').getByRole('button', { name: 'Run', exact: true }).click();
  await waitFor(page, 'find-spots', 'running');
  await waitFor(page, 'find-spots', 'done');
  await page.waitForFunction(() => document.querySelector('[data-testid="lattice-apply"]')?.disabled, null, { timeout: 20_000 });
  const real = (await told(page, 10)).spot.point;
  // Not quite: what import moves is seen at a slightly different depth of the sensor.
  assert.ok(Math.hypot(...real.map((v, i) => v - moved[i])) < 0.01 * shift, `${moved} and ${real}`);
});

for (const points of [0, 500_000]) {
  test(`frames while it turns, with ${points || 'the demo\'s'} points`, async (t) => {
    const page = await lattice(t, { until: 'find-spots', address: points ? `${PAGE}?points=${points}` : PAGE });
    const state = await told(page);
    assert.ok(state.points >= points);
    const busy = await traceMainThread(page, 10);
    const box = await page.getByTestId('lattice-canvas').boundingBox();
    const middle = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(...middle);
    await page.mouse.down();
    // The frames are those that the browser shows while the pointer goes round.
    const frames = page.evaluate(() => new Promise((done) => {
      const times = [];
      const frame = (now) => {
        times.push(now);
        if (now - times[0] < 4000) requestAnimationFrame(frame);
        else done({ rate: (times.length - 1) / ((now - times[0]) / 1000), longest: Math.max(...times.slice(1).map((v, i) => v - times[i])) });
      };
      requestAnimationFrame(frame);
    }));
    const before = await told(page);
    const start = Date.now();
    for (let k = 0; Date.now() - start < 4200; k += 1) {
      await page.mouse.move(middle[0] + 150 * Math.sin(0.1 * k), middle[1] + 100 * Math.cos(0.13 * k));
    }
    await page.mouse.up();
    const shown = await frames;
    const after = await told(page);
    await page.waitForTimeout(1000);
    const tasks = (await busy()).sort((a, b) => b.cpu - a.cpu);
    t.diagnostic(`${state.points} points: ${shown.rate.toFixed(1)} frames/s, of which the lattice is drawn ${((after.frames - before.frames) / 4).toFixed(1)} times, every ${after.stride}. point of it; `
      + `the card takes ${after.frame.toFixed(0)} ms a frame; `
      + `longest tasks of the main thread: ${JSON.stringify(tasks.slice(0, 3))}`);
    assert.equal((await told(page)).drawn, state.points, 'all are drawn when it rests');
    assert.ok(shown.rate > 4, `${shown.rate} frames a second`);
    assert.deepEqual(tasks.filter((task) => task.cpu > 50), [], 'the main thread was blocked by these');
  });
}

test('a graphics card that is lost and comes back finds its points again', async (t) => {
  const page = await lattice(t, { until: 'find-spots' });
  const before = (await coloured(page)).pixels;
  const frames = (await told(page)).frames;
  await page.evaluate(() => {
    const lose = document.querySelector('[data-testid="lattice-canvas"]').getContext('webgl2').getExtension('WEBGL_lose_context');
    lose.loseContext();
    setTimeout(() => lose.restoreContext(), 300);
  });
  await page.waitForFunction((n) => window.ewaldLattice().frames > n, frames, { timeout: 10_000 });
  const after = await eventually(() => coloured(page), ({ pixels }) => Math.abs(pixels / before - 1) < 0.05);
  assert.ok(before > 300 && Math.abs(after.pixels / before - 1) < 0.05, `${before} pixels before, ${after.pixels} after`);
  await page.getByTestId('lattice-canvas').focus();
  await page.keyboard.press('ArrowRight');
  assert.ok((await coloured(page)).pixels > 300, 'and it turns');
  assert.deepEqual(page.errors, []);
});

test('without WebGL 2 it says so, and the rest works', async (t) => {
  const page = await open(t, 'about:blank');
  await page.addInitScript(() => {
    const get = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
      return kind === 'webgl2' ? null : get.call(this, kind, ...rest);
    };
  });
  await page.goto(PAGE);
  await page.getByTestId('tab-lattice').waitFor({ state: 'attached' });
  await page.getByTestId('engine-status').filter({ hasText: 'ready' }).waitFor({ timeout: 60_000 });
  await page.getByTestId('demo').click();
  await waitFor(page, 'import', 'done');
  await page.getByTestId('tab-lattice').click();
  await page.getByText('This view needs WebGL 2').waitFor();
});
