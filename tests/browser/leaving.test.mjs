// Leaving the page: asked about only when work would be lost.

import assert from 'node:assert/strict';
import test from 'node:test';
import { simulate } from './files.mjs';
import { atRest, ready, runSelected, select, waitFor, withSpots } from './stages.mjs';

/** Whether the page asks before it is left; it stays. */
async function asks(page) {
  let asked = false;
  const answer = async (dialog) => {
    asked = dialog.type() === 'beforeunload';
    await dialog.dismiss();
  };
  page.on('dialog', answer);
  // A reload that is refused never ends; one that is not asked about is over soon.
  await Promise.race([page.reload().catch(() => {}), page.waitForTimeout(4_000)]);
  page.off('dialog', answer);
  return asked;
}

test('results that were not saved are asked about, saved ones are not', async (t) => {
  const { master, data } = await simulate(t);
  const page = await ready(t);
  await page.getByTestId('file-input').setInputFiles([master, ...data]);
  await waitFor(page, 'import', 'done');
  await atRest(page);
  await select(page, 'find-spots');
  await runSelected(page, 'find-spots');
  assert.equal(await asks(page), true);
  assert.equal(await page.getByTestId('stage-find-spots').getAttribute('data-state'), 'done', 'the page is still there');
  await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '↓ strong.refl' }).click()]);
  assert.equal(await asks(page), false);
});

test('what can be had again is not asked about', async (t) => {
  const page = await withSpots(t);
  assert.equal(await asks(page), false);
});
