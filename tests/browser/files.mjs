// Data sets for tests, made by `ewald simulate`, and ways to spoil and to drop files.

import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that is gone when test `t` ends. */
export async function folder(t) {
  const path = await mkdtemp(join(tmpdir(), 'ewald-files-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/**
 * Simulates a small data set: `sample.nxs` and its data files. `parameters` are those of `ewald simulate`. Returns { path, master, data }.
 */
export async function simulate(t, parameters = {}) {
  const program = process.env.EWALD_PROGRAM;
  if (!program) throw new Error('EWALD_PROGRAM is not set; run these tests by `cargo xtask test --only browser`');
  const path = await folder(t);
  const all = { detector: 'small', images: 20, name: 'sample', ...parameters };
  const made = spawnSync(program, ['simulate', '-o', path, ...Object.entries(all).map(([key, value]) => `${key}=${value}`)], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`ewald simulate: ${made.stderr}`);
  const names = await readdir(path);
  const data = names.filter((name) => /_data_\d+\.h5$/.test(name)).sort().map((name) => join(path, name));
  return { path, master: join(path, `${all.name}.nxs`), data };
}

/**
 * Drops files and folders on the page, as a file manager would: Chromium itself makes the entries that the page asks for.
 */
export async function drop(page, paths) {
  const session = await page.context().newCDPSession(page);
  const { width, height } = page.viewportSize();
  const at = { x: width / 2, y: height / 2 };
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop']) await session.send('Input.dispatchDragEvent', { type, ...at, data });
  await session.detach();
}
