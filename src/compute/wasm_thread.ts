// A helping thread of the wasm tier: takes part in the jobs of the thread that started it, until that one sends it home.
import { workerData } from "node:worker_threads";

export interface ThreadData {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Where the job lies in the memory. */
  job: number;
  /** Where this thread's own space lies. */
  space: number;
}

const { module, memory, job, space }: ThreadData = workerData;
const { start, help } =
  new WebAssembly.Instance(module, { env: { memory, now: () => performance.now() } }).exports;
if (typeof start === "function" && typeof help === "function") {
  start(job, space);
  help();
}
