// The engine's worker: makes the shared memory, loads the module, starts the pool, and passes messages on.
//
// The page sends { kind: 'start', threads } first, then { kind: 'request', body, files }. Answers: { kind: 'ready', threads, maximum,
// memory, control, module } or { kind: 'failed', message }, then { kind: 'event', body, buffers, files }, or { kind: 'failed' } when the
// engine is lost.

import init, { Engine, initThreadPool } from './ewald_engine.js';

const PAGE = 64 * 1024;
const MIB = 1024 * 1024;
// The module's own data and stack must fit in it; memory that is not touched costs nothing.
const INITIAL = 64 * MIB;
// Some browsers refuse a large shared memory, or any until an old one is collected: take what there is.
const MAXIMA = [4096 * MIB, 2048 * MIB, 1024 * MIB, 512 * MIB];

function sharedMemory() {
  let refusal;
  for (const maximum of MAXIMA) {
    try {
      const memory = new WebAssembly.Memory({ initial: INITIAL / PAGE, maximum: maximum / PAGE, shared: true });
      return { memory, maximum };
    } catch (error) {
      refusal = error;
    }
  }
  throw new Error(`the browser gives no shared memory, not even ${MAXIMA.at(-1) / MIB} MiB: ${refusal}`);
}

let engine;

async function compiled(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address.pathname}: ${response.status} ${response.statusText}`);
  // A host that calls it something else than application/wasm does not let it be compiled while it arrives.
  return WebAssembly.compileStreaming(response.clone()).catch(async () => WebAssembly.compile(await response.arrayBuffer()));
}

async function start({ threads }) {
  if (!self.crossOriginIsolated) throw new Error('the page is not cross-origin isolated, so it may not share memory between threads');
  const { memory, maximum } = sharedMemory();
  // Compiled once, for the pool and for the viewer as well.
  const module = await compiled(new URL('./ewald_engine_bg.wasm', import.meta.url));
  await init({ module_or_path: module, memory });
  await initThreadPool(threads);
  engine = new Engine();
  self.postMessage({ kind: 'ready', threads: engine.threadsAnswering(), maximum, memory, control: engine.controlAddress(), module });
}

// Requests wait for the start, in their order.
let started;

self.onmessage = async ({ data }) => {
  try {
    if (data.kind === 'start') await (started = start(data));
    else if (data.kind === 'request') {
      await started;
      engine.request(data.body, data.files);
    }
  } catch (error) {
    self.postMessage({ kind: 'failed', message: String(error?.message ?? error) });
  }
};
