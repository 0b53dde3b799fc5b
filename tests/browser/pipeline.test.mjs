import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { PAGE, open } from './chromium.mjs';
import { traceMainThread } from './main_thread.mjs';
import { STAGES, results, seconds, waitFor, watchStages } from './stages.mjs';

async function ready(t) {
  const page = await open(t, PAGE);
  await page.getByTestId('engine-status').filter({ hasText: 'ready' }).waitFor({ timeout: 60_000 });
  return page;
}

test('the demo goes from one click to a merging table, and the page stays awake', async (t) => {
  const page = await ready(t);
  await watchStages(page);
  const busy = await traceMainThread(page, 10);
  await page.getByTestId('demo').click();
  await waitFor(page, 'merge', 'done');
  // Ended before the reports are asked for: making JSON of all of them is this test's doing, not the page's.
  const tasks = (await busy()).sort((a, b) => b.cpu - a.cpu);
  const reports = await results(page);
  assert.deepEqual(Object.keys(reports).sort(), [...STAGES].sort());
  for (const stage of STAGES) assert.ok(reports[stage].headline, `${stage} has no headline`);
  assert.ok((await page.getByTestId('report-scale').textContent()).length > 0);
  t.diagnostic(JSON.stringify(await seconds(page)));
  t.diagnostic(`longest tasks of the main thread: ${JSON.stringify(tasks.slice(0, 5))}`);
  // Processor time, not wall time: see main_thread.mjs.
  assert.deepEqual(tasks.filter((task) => task.cpu > 50), [], 'the main thread was blocked by these');

  for (const name of ['merged', 'scaled']) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId(`download-${name}-mtz`).click()]);
    assert.equal(download.suggestedFilename(), `${name}.mtz`);
  }
  assert.deepEqual(page.errors, []);
});

test('cancelling works within a second, and the page can run again', async (t) => {
  const page = await ready(t);
  await page.getByTestId('demo').click();
  await waitFor(page, 'find-spots', 'running');
  const start = Date.now();
  await page.getByTestId('cancel').click();
  await page.waitForFunction(() => !document.querySelector('[data-state="running"]'), null, { timeout: 10_000, polling: 20 });
  assert.ok(Date.now() - start < 1000, `it took ${Date.now() - start} ms`);
  assert.notEqual(await page.getByTestId('stage-find-spots').getAttribute('data-state'), 'failed');
  await page.getByTestId('run-all').click();
  await waitFor(page, 'find-spots', 'done');
});

test('a file that is no data set gets a message with its name, and the page goes on', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ewald-files-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'notes.h5');
  await writeFile(file, 'these are not the bytes of an HDF5 file');
  const page = await ready(t);
  await page.getByTestId('file-input').setInputFiles(file);
  await page.getByTestId('run-all').click();
  await page.getByTestId('message').filter({ hasText: 'notes.h5' }).first().waitFor({ timeout: 30_000 });
  assert.equal(await page.getByTestId('stage-import').getAttribute('data-state'), 'failed');
  await page.getByTestId('demo').click();
  await waitFor(page, 'import', 'done');
});
