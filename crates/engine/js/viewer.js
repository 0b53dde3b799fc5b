// The viewer's worker: loads the engine's module a second time, with a small memory of its own and no pool, and passes messages on.
//
// The page sends { kind: 'start', module } first, then { kind: 'request', body, files, buffers }. Answers:
// { kind: 'event', body, buffers }, or { kind: 'failed', message } when the viewer is lost.

import init, { ViewerHandle } from './ewald_engine.js';

const PAGE = 64 * 1024;
const MIB = 1024 * 1024;
// Room for an image of 18 Mpx with its smaller versions, a layer made of it, and reflections; what is not touched costs nothing.
const MAXIMA = [1024 * MIB, 512 * MIB];

function ownMemory() {
  let refusal;
  for (const maximum of MAXIMA) {
    try {
      // The module was built for a shared memory; nobody shares this one.
      return new WebAssembly.Memory({ initial: 64 * MIB / PAGE, maximum: maximum / PAGE, shared: true });
    } catch (error) {
      refusal = error;
    }
  }
  throw new Error(`the browser gives no memory for looking at images: ${refusal}`);
}

// Requests wait for the start, in their order.
let start;
const viewer = new Promise((resolve) => { start = resolve; })
  .then((module) => init({ module_or_path: module, memory: ownMemory() }))
  .then(() => new ViewerHandle());
viewer.catch(failed);

self.onmessage = ({ data }) => {
  if (data.kind === 'start') start(data.module);
  else if (data.kind === 'request') {
    waiting += 1;
    viewer.then((v) => {
      waiting -= 1;
      v.request(data.body, data.files, data.buffers);
      rest(v);
    }).catch(failed);
  }
};

// When nothing is asked for, the image that comes next is made ready; and when that goes on, what takes longer is done. Requests that are
// on their way come before the timers.
let waiting = 0;
let timers = [];
function rest(v) {
  timers.forEach(clearTimeout);
  const unless = (act) => () => {
    if (waiting === 0) try { act(); } catch (error) { failed(error); }
  };
  timers = [setTimeout(unless(() => v.idle()), 4), setTimeout(unless(() => v.settle()), 150)];
}

function failed(error) {
  self.postMessage({ kind: 'failed', message: String(error?.message ?? error) });
}
