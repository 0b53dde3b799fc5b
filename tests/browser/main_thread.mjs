// How long the page's main thread is kept busy.
//
// The `longtask` entries of a page count wall time: a task that the system puts aside for other processes' sake (the engine's own threads take
// all cores) looks long though the page did nothing. Chromium's trace tells of every task of the main thread how much processor
// time it took, which is what the page can be blamed for; on an idle core the two are the same.

const CATEGORIES = ['disabled-by-default-devtools.timeline', 'devtools.timeline', '__metadata'];

/**
 * Traces the main thread of `page` from now on. The function returned ends that and tells of all tasks of more than
 * `least` ms of processor time: { at, cpu, wall, parts }, ms, `at` since the
 * first task, with the parts that took most.
 */
export async function traceMainThread(page, least = 30) {
  const session = await page.context().newCDPSession(page);
  const events = [];
  session.on('Tracing.dataCollected', ({ value }) => { for (const e of value) if (e.tdur !== undefined || e.name === 'thread_name') events.push(e); });
  await session.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: CATEGORIES } });
  return async () => {
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
    await session.send('Tracing.end');
    await complete;
    await session.detach();
    const main = new Set(events.filter((e) => e.name === 'thread_name' && e.args?.name === 'CrRendererMain').map((e) => `${e.pid}/${e.tid}`));
    const onMain = events.filter((e) => e.ph === 'X' && main.has(`${e.pid}/${e.tid}`));
    const tasks = onMain.filter((e) => e.name === 'RunTask');
    if (tasks.length === 0) throw new Error('the trace tells of no task of the main thread');
    const start = Math.min(...tasks.map((task) => task.ts));
    return tasks.filter((t) => t.tdur > least * 1000).map((task) => {
      const within = onMain.filter((e) => e !== task && e.pid === task.pid && e.ts >= task.ts && e.ts + (e.dur ?? 0) <= task.ts + task.dur && e.tdur > 5000);
      const parts = within.sort((a, b) => b.tdur - a.tdur).slice(0, 6).map((e) => `${e.name} ${(e.tdur / 1000).toFixed(0)}`);
      return { at: Math.round((task.ts - start) / 1000), cpu: Math.round(task.tdur / 1000), wall: Math.round(task.dur / 1000), parts };
    });
  };
}
