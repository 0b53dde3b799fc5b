// The image and the lattice under fingers: one moves (or turns), two zoom.

import assert from 'node:assert/strict';
import test from 'node:test';
import { withSpots } from './stages.mjs';

/** The demo with its spots found, and a function that moves fingers over a canvas. */
async function touched(t, canvas) {
  const page = await withSpots(t);
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: 5 });
  const send = (type, points) => session.send('Input.dispatchTouchEvent', {
    type, touchPoints: points.map(([x, y], id) => ({ x, y, id, radiusX: 5, radiusY: 5 })),
  });
  /** Fingers from places to places, relative to the middle of the canvas. */
  const move = async (from, to, steps = 8) => {
    const box = await page.getByTestId(canvas).boundingBox();
    const middle = [box.x + box.width / 2, box.y + box.height / 2];
    const at = (k) => from.map((p, i) => [0, 1].map((j) => middle[j] + p[j] + (to[i][j] - p[j]) * k / steps));
    await send('touchStart', at(0));
    for (let k = 1; k <= steps; k += 1) {
      await send('touchMove', at(k));
      await page.waitForTimeout(20);
    }
    await send('touchEnd', []);
    await page.waitForTimeout(400);
  };
  return { page, move };
}

test('one finger moves the image, two zoom it, and what is between them stays', async (t) => {
  const { page, move } = await touched(t, 'image-canvas');
  await page.getByTestId('tab-image').click();
  await page.locator('[data-testid="image-canvas"][data-view]').waitFor({ timeout: 20_000 });
  const view = async () => (await page.getByTestId('image-canvas').getAttribute('data-view')).split(' ').map(Number);
  const before = await view();
  await move([[0, 0]], [[60, -30]]);
  const moved = await view();
  assert.equal(moved[2], before[2]);
  assert.ok(Math.abs((before[0] - moved[0]) * before[2] - 60) < 2 && Math.abs((before[1] - moved[1]) * before[2] + 30) < 2, `${before} → ${moved}`);
  await move([[-40, 0], [40, 0]], [[-120, 0], [120, 0]]);
  const zoomed = await view();
  assert.ok(Math.abs(zoomed[2] / moved[2] - 3) < 0.15, `${moved} → ${zoomed}`);
  assert.ok(Math.hypot(zoomed[0] - moved[0], zoomed[1] - moved[1]) * zoomed[2] < 12, `${moved} → ${zoomed}`);
  await move([[-120, 0], [120, 0]], [[-40, 0], [40, 0]]);
  assert.ok(Math.abs((await view())[2] / moved[2] - 1) < 0.1);
  assert.deepEqual(page.errors, []);
});

test('one finger turns the lattice, two zoom it, and a tap lights a point', async (t) => {
  const { page, move } = await touched(t, 'lattice-canvas');
  await page.getByTestId('tab-lattice').click();
  await page.waitForFunction(() => window.ewaldLattice().points > 0 && window.ewaldLattice().drawn > 0, null, { timeout: 30_000 });
  const box = await page.getByTestId('lattice-canvas').boundingBox();
  const spread = () => page.evaluate(([w, h]) => {
    const all = [];
    for (let row = 0; row < window.ewaldLattice().points; row += 7) all.push(window.ewaldLattice(row).spot.at);
    return Math.sqrt(all.reduce((s, [x, y]) => s + (x - w / 2) ** 2 + (y - h / 2) ** 2, 0) / all.length);
  }, [box.width, box.height]);
  const at = (row) => page.evaluate((row) => window.ewaldLattice(row).spot.at, row);
  const [wide, place] = [await spread(), await at(5)];
  await move([[0, 0]], [[90, 20]]);
  const turned = await at(5);
  assert.ok(Math.hypot(turned[0] - place[0], turned[1] - place[1]) > 2, 'a finger turns');
  const before = await spread();
  assert.ok(before / wide > 0.7 && before / wide < 1.4, 'and does not zoom');
  await move([[-40, 0], [40, 0]], [[-100, 0], [100, 0]]);
  const zoomed = await spread();
  assert.ok(Math.abs(zoomed / before - 2.5) < 0.25, `${before} → ${zoomed}`);
  const row = await page.evaluate(([w, h]) => {
    for (let row = 0; ; row += 1) {
      const [x, y] = window.ewaldLattice(row).spot.at;
      if (Math.hypot(x - w / 2, y - h / 2) < 150) return row;
    }
  }, [box.width, box.height]);
  const [x, y] = await at(row);
  const p = [x - box.width / 2, y - box.height / 2];
  await move([p], [p], 1);
  await page.waitForFunction(() => window.ewaldLattice().lit !== null, null, { timeout: 5_000 });
  assert.deepEqual(page.errors, []);
});
