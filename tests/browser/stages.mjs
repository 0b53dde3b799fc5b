// How the stages of a run stand, seen as a user sees them: by the page's own marks.

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

/** The reports of the stages, by name. */
export const results = (page) => page.evaluate(() => window.ewald.results());
