// Decodes and searches frames of 18 megapixels on one thread in a worker, and prints `what value` lines.

import { PAGE, open } from './chromium.mjs';

const endings = [];
const page = await open({ after: (end) => endings.push(end) }, PAGE);
try {
  const lines = await page.evaluate(() => new Promise((resolve, reject) => {
    const module = new URL('./engine-pkg/ewald_engine.js', location.href);
    const script = `
      import init, { frameSpeed } from '${module}';
      const memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: true });
      try {
        await init({ module_or_path: new URL('./ewald_engine_bg.wasm', '${module}'), memory });
        self.postMessage({ lines: frameSpeed() });
      } catch (error) {
        self.postMessage({ error: String(error) });
      }`;
    const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })), { type: 'module' });
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.lines));
  }));
  process.stdout.write(lines);
} finally {
  for (const end of endings) await end();
}
