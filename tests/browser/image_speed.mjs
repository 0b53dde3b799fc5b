// How long the image viewer takes from a key or the slider to the frame on the screen, on the files named on the command line.
//
// Prints for each kind of change the median, the slowest and all times, in milliseconds from the event to the animation frame after the one
// that drew. EWALD_PAGE and CHROMIUM as for the tests; `cargo xtask bench --only viewer` sets them.

import { PAGE, open } from './chromium.mjs';

const endings = [];
const page = await open({ after: (end) => endings.push(end) }, PAGE);
// The choice is in a menu, which stays closed.
const chosen = (element, value) => {
  element.value = value;
  element.dispatchEvent(new Event('change', { bubbles: true }));
};
const moved = (element, value) => {
  element.value = value;
  element.dispatchEvent(new Event('input', { bubbles: true }));
};
const told = (name, times) => {
  const sorted = [...times].sort((a, b) => a - b);
  const all = times.map((t) => t.toFixed(0)).join(' ');
  console.log(`${name} ${sorted[Math.floor(sorted.length / 2)].toFixed(0)} ms in the middle, ${sorted.at(-1).toFixed(0)} ms at most: ${all}`);
};
try {
  await page.getByTestId('engine-status').filter({ hasText: 'ready' }).waitFor({ timeout: 60_000 });
  await page.getByTestId('file-input').setInputFiles(process.argv.slice(2));
  await page.locator('[data-testid="image-canvas"][data-drawn^="0/0"]').waitFor({ timeout: 60_000 });
  await page.waitForTimeout(1000);
  await page.evaluate(() => {
    const canvas = document.querySelector('[data-testid="image-canvas"]');
    // Resolves with the milliseconds from the next event of `type` to the frame after the one that made `data-drawn` what `is` asks for.
    // (Asking in every frame would find it a frame late: the page draws in a frame's last callback.)
    window.timed = (type, is) => new Promise((resolve) => {
      window.addEventListener(type, (event) => {
        const before = canvas.dataset.drawn;
        const observer = new MutationObserver(() => {
          const now = canvas.dataset.drawn;
          if (now === before || !is(now)) return;
          observer.disconnect();
          requestAnimationFrame(() => resolve(performance.now() - event.timeStamp));
        });
        observer.observe(canvas, { attributes: true, attributeFilter: ['data-drawn'] });
        setTimeout(() => resolve(Infinity), 10000);
      }, { capture: true, once: true });
    });
  });
  // The listener is there before the event; what it tells is asked for after.
  const during = async (type, start, act) => {
    await page.evaluate(([type, start]) => { window.time = window.timed(type, (now) => now.startsWith(start)); }, [type, start]);
    await act();
    return page.evaluate(() => window.time);
  };
  // A drawing with another parameter may look the same: the next one is taken.
  const slid = async (parameter, value) => {
    await page.evaluate(() => {
      const canvas = document.querySelector('[data-testid="image-canvas"]');
      window.time = new Promise((resolve) => window.addEventListener('input', (event) => {
        const observer = new MutationObserver(() => {
          observer.disconnect();
          requestAnimationFrame(() => resolve(performance.now() - event.timeStamp));
        });
        observer.observe(canvas, { attributes: true, attributeFilter: ['data-drawn'] });
        setTimeout(() => resolve(Infinity), 10000);
      }, { capture: true, once: true }));
    });
    await page.getByTestId(`threshold-${parameter}`).evaluate(moved, String(value));
    return page.evaluate(() => window.time);
  };
  const press = (key, start) => during('keydown', start, () => page.keyboard.press(key));
  const images = await page.evaluate(() => Number(document.querySelector('input[aria-label=Image]').max));
  const steps = Math.min(images - 1, 8);
  const walk = async (rest) => {
    const times = [];
    for (let i = 1; i <= steps; i += 1) { times.push(await press('ArrowRight', `0/${i} `)); await page.waitForTimeout(rest); }
    for (let i = steps - 1; i >= 0; i -= 1) { await press('ArrowLeft', `0/${i} `); await page.waitForTimeout(rest); }
    return times;
  };
  await walk(300);
  told('next image, one by one:', await walk(500));
  told('next image, at once after the one before:', await walk(0));
  // Back and forth by ten, or to where nobody expects: nothing is ready.
  const jumps = [];
  const slider = page.locator('input[aria-label=Image]');
  for (const to of [steps, 1, steps - 2, 3, steps - 1, 0].filter((n) => n >= 0)) {
    jumps.push(await during('input', `0/${to} `, () => slider.evaluate(moved, String(to + 1))));
    await page.waitForTimeout(500);
  }
  told('another image, not expected:', jumps);
  const contrast = [];
  for (let i = 0; i < 12; i += 1) { contrast.push(await press(i % 2 ? '[' : ']', '0/0 ')); await page.waitForTimeout(150); }
  told('contrast, whole image:', contrast);
  for (let i = 0; i < 8; i += 1) await page.keyboard.press('+');
  await page.waitForTimeout(500);
  const close = [];
  for (let i = 0; i < 12; i += 1) { close.push(await press(i % 2 ? '[' : ']', '0/0 ')); await page.waitForTimeout(150); }
  told('contrast, magnified:', close);
  // The maps of thresholding, all of the image: from a slider to the map, and the other way.
  await page.keyboard.press('0');
  const drawings = () => page.evaluate(() => document.querySelector('[data-testid="image-canvas"]').dataset.milliseconds);
  const found = page.getByTestId('threshold-found');
  for (const layer of ['mean', 'variance', 'dispersion', 'not background', 'threshold', 'strong pixels']) {
    await page.locator('select[aria-label="What is drawn"]').evaluate(chosen, layer);
    await page.waitForTimeout(2500);
    const [times, counted] = [[], []];
    for (let i = 0; i < 6; i += 1) {
      times.push(await slid(i % 2 ? 'sigma_background' : 'sigma_strong', 3 + i / 2));
      const start = Date.now();
      await found.filter({ hasText: 'on this image alone' }).waitFor();
      counted.push(Date.now() - start);
      await page.waitForTimeout(500);
    }
    told(`${layer}, whole image, after a slider moved:`, times);
    told('  from there to the number of spots:', counted);
    console.log(`#   in the viewer, to compute and to draw: ${await drawings()} ms`);
  }
  console.log(`# ${await page.getByTestId('image-canvas').getAttribute('data-milliseconds')} ms to read and to draw in the viewer, the last time`);
  if (page.errors.length > 0) console.log(`# errors: ${page.errors.join(' | ')}`);
} finally {
  for (const end of endings) await end();
}
