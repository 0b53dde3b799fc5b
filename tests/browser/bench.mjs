// Runs the stages up to EWALD_LAST on the files named on the command line and prints `stage seconds` lines, and lines of remarks with a #.

import { PAGE, open } from './chromium.mjs';
import { seconds, waitFor, watchStages } from './stages.mjs';

const endings = [];
const page = await open({ after: (end) => endings.push(end) }, `${PAGE}?threads=${process.env.EWALD_THREADS ?? ''}`);
try {
  await page.getByTestId('engine-status').filter({ hasText: 'ready' }).waitFor({ timeout: 60_000 });
  await page.getByTestId('file-input').setInputFiles(process.argv.slice(2));
  await watchStages(page);
  await page.getByTestId('run-all').click();
  await waitFor(page, process.env.EWALD_LAST ?? 'merge', 'done', 1_200_000);
  for (const [stage, s] of Object.entries(await seconds(page))) console.log(`${stage} ${s.toFixed(2)}`);
  const engine = await page.evaluate(() => window.ewald.engine?.());
  if (engine) {
    const mib = (bytes) => `${(bytes / 1048576).toFixed(0)} MiB`;
    console.log(`# engine: ${engine.threads} threads, ${mib(engine.heapPeak)} in use at most, ${mib(engine.memory)} taken`);
  }
} finally {
  for (const end of endings) await end();
}
