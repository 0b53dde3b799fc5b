// How the stages of a run stand, seen as a user sees them: by the page's own marks.

import { PAGE, open } from './chromium.mjs';

export const STAGES = ['import', 'find-spots', 'index', 'bravais', 'refine', 'integrate', 'symmetry', 'scale', 'merge'];

/** Notes when each stage begins to run and when it ends, from now on. */
export async function watchStages(page) {
  await page.evaluate((stages) => {
    const seen = window.watched = Object.fromEntries(stages.map((stage) => [stage, {}]));
    const look = () => {
      for (const stage of stages) {
        const state = document.querySelector(`[data-testid="stage-${stage}"]`)?.dataset.state;
        if (state === 'running' && seen[stage].state !== 'running') seen[stage].start = performance.now();
        if (state !== 'running' && seen[stage].state === 'running') seen[stage].end = performance.now();
        seen[stage].state = state;
      }
    };
    new MutationObserver(look).observe(document.body, { subtree: true, attributes: true, attributeFilter: ['data-state'] });
    look();
  }, STAGES);
}

/** Seconds that each stage ran, for those that have. */
export async function seconds(page) {
  const watched = await page.evaluate(() => window.watched);
  const ran = Object.entries(watched).filter(([, s]) => s.end !== undefined);
  return Object.fromEntries(ran.map(([stage, s]) => [stage, (s.end - s.start) / 1000]));
}

/** Waits until `stage` is in `state`; fails with the page's message when any stage fails before. */
export async function waitFor(page, stage, state, timeout = 300_000) {
  await page.waitForFunction(([stage, state]) => {
    const failed = document.querySelector('[data-state="failed"]');
    return failed || document.querySelector(`[data-testid="stage-${stage}"]`)?.dataset.state === state;
  }, [stage, state], { timeout, polling: 50 });
  const now = await page.getByTestId(`stage-${stage}`).getAttribute('data-state');
  if (now !== state) throw new Error(`${stage} is ${now}: ${await page.getByTestId('message').allTextContents()}`);
}

/** Waits until nothing runs. */
export const atRest = (page) => page.waitForFunction(() => !document.querySelector('[data-state="running"]'), null, { polling: 50 });

/** The page with an engine that is ready. */
export async function ready(t, options) {
  const page = await open(t, PAGE, options);
  await page.getByTestId('engine-status').filter({ hasText: 'ready' }).waitFor({ timeout: 60_000 });
  return page;
}

/** The demo with its spots found, and then stopped. */
export async function withSpots(t) {
  const page = await ready(t);
  await page.getByTestId('demo').click();
  await waitFor(page, 'find-spots', 'done');
  await page.getByTestId('cancel').click();
  await atRest(page);
  return page;
}

/** Selects a stage. */
export const select = (page, stage) => page.getByTestId(`stage-${stage}`).getByRole('button').click();

/** Runs the stage that is selected, and waits until it is done. */
export async function runSelected(page, stage) {
  await page.getByTestId(`report-${stage}`).locator('..').getByRole('button', { name: 'Run', exact: true }).click();
  await waitFor(page, stage, 'done');
  await atRest(page);
}

/** The reports of the stages, by name. */
export const results = (page) => page.evaluate(() => window.ewald.results());
