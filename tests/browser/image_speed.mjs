// How long the image viewer takes from a key or the slider to the frame on the screen, on the files named on the command line.
//
// Prints `next N ms …` and `contrast N ms …` lines (median, slowest), times from the event to the animation frame after the one
// that drew. EWALD_PAGE and CHROMIUM as for the tests.

import { PAGE, open } from './chromium.mjs';

const endings = [];
const page = await open({ after: (end) => endings.push(end) }, PAGE);
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
    const move = (element, value) => { element.value = value; element.dispatchEvent(new Event('input', { bubbles: true })); };
    jumps.push(await during('input', `0/${to} `, () => slider.evaluate(move, String(to + 1))));
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
  console.log(`# ${await page.getByTestId('image-canvas').getAttribute('data-milliseconds')} ms to read and to draw in the viewer, the last time`);
  if (page.errors.length > 0) console.log(`# errors: ${page.errors.join(' | ')}`);
} finally {
  for (const end of endings) await end();
}
