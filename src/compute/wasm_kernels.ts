// Our compiled kernels (kernels.as.ts) on a shared memory: one job at a time, run by this thread and its helping threads.
import { Worker } from "node:worker_threads";
import { ConfigError } from "../base/errors.ts";
import { kernelsRelaxedSimdWasm } from "./kernels_relaxed_simd_wasm.ts";
import { kernelsSimd128Wasm } from "./kernels_simd128_wasm.ts";
import type { ThreadData } from "./wasm_thread.ts";

/** "relaxed-simd" multiplies and adds with one rounding: faster, and other last bits than "simd128". */
export type WasmVariant = "simd128" | "relaxed-simd";

/** The jobs of kernels.as.ts, in the order of their numbers there. */
const JOBS = [
  "product",
  "norm",
  "norm gradient",
  "sum over rows",
  "erf",
  "gelu",
  "gelu gradient",
  "squares",
  "adamw",
  "log-probabilities",
  "log-probabilities gradient",
  "draw",
  "attention",
  "attention gradient",
  "split heads",
  "join heads",
  "swap",
  "place",
] as const;
export type Job = (typeof JOBS)[number];

/** Items of the jobs that go number by number are so many numbers (elementwise.as.ts). */
export const NUMBERS_PER_ITEM = 1024;

/** How much a job is: `items` of it, each about so long. How it is cut changes no result. */
export interface JobSize {
  items: number;
  nanoseconds: number;
}

export interface Kernels {
  /** Runs a job; `args` are those of its function in the source: pointers, whole numbers and `bits` of others. */
  run(job: Job, size: JobSize, args: readonly number[]): void;
  /** out[i] = Σ_block partial[block, i] in double precision. */
  addPartials(partial: number, numBlocks: number, stride: number, width: number, out: number): void;
  /** Ends the helping threads. */
  close(): void;
}

export interface KernelOptions {
  memory: WebAssembly.Memory;
  variant: WasmVariant;
  threads: number;
  /** Bytes of the memory that stay ours, at an address that can be divided by 16. */
  allocate(bytes: number): number;
}

/** Shorter chunks cost more to hand over than they save. */
const CHUNK_NANOSECONDS = 40_000;
/** A few chunks a thread, so that none waits long for another that was interrupted. */
const CHUNKS_PER_THREAD = 3;
/** Where the arguments stand in a job, in words. */
const ARGUMENTS = 16;
const WORD = 4;

export function openKernels({ memory, variant, threads, allocate }: KernelOptions): Kernels {
  checkRounding(variant);
  const module = new WebAssembly.Module(bytesOf(variant)), call = startModule(module, memory);
  const job = allocate(call("job_bytes")()), threadBytes = WORD * call("thread_floats")();
  // Views of a shared memory stay valid when it grows.
  const words = new Int32Array(memory.buffer, job, call("job_bytes")() / WORD);
  words.fill(0);
  call("start")(job, allocate(threadBytes));
  const helpers = Array.from({ length: threads - 1 }, () => {
    const workerData: ThreadData = { module, memory, job, space: allocate(threadBytes) };
    const worker = new Worker(new URL("./wasm_thread.ts", import.meta.url), { workerData });
    worker.unref(); // a process that is done need not wait for it
    return worker;
  });
  const run = call("run"), addPartials = call("addPartials"), quit = call("quit");
  return {
    run(name, { items, nanoseconds }, args) {
      for (let i = 0; i < args.length; i++) words[ARGUMENTS + i] = args[i];
      const chunks = threads === 1
        ? 1
        : Math.min(CHUNKS_PER_THREAD * threads, Math.floor(items * nanoseconds / CHUNK_NANOSECONDS));
      run(JOBS.indexOf(name), items, Math.ceil(items / Math.max(1, chunks)));
    },
    addPartials: (...args) => void addPartials(...args),
    close() {
      quit();
      helpers.forEach((worker) => void worker.terminate());
    },
  };
}

const float = new Float32Array(1), asWord = new Int32Array(float.buffer);

/** A float32 as the whole number of the same bits. */
export function bits(value: number): number {
  float[0] = value;
  return asWord[0];
}

/** Starts the module on a memory; returns its function of a name. */
export function startModule(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): (name: string) => (...numbers: number[]) => number {
  const { exports } = new WebAssembly.Instance(module, { env: { memory, now: () => performance.now() } });
  return (name) => {
    const found = exports[name];
    if (typeof found !== "function") throw new Error(`Build the kernels again: "${name}" is missing`);
    return (...numbers) => Number(found(...numbers));
  };
}

function bytesOf(variant: WasmVariant): Uint8Array<ArrayBuffer> {
  const text = variant === "simd128" ? kernelsSimd128Wasm : kernelsRelaxedSimdWasm;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Throws ConfigError unless the variant means here what it means on every machine. */
function checkRounding(variant: WasmVariant): void {
  if (variant === "simd128" || defaultVariant() === variant) return;
  throw new ConfigError(
    'Use the variant "simd128": this processor has no fused multiply-add for "relaxed-simd"',
  );
}

/** The faster variant, where the processor has what it needs. */
export function defaultVariant(): WasmVariant {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const squareMinus = startModule(new WebAssembly.Module(bytesOf("relaxed-simd")), memory)("square_minus");
  // (1 + 2⁻¹²)² − (1 + 2⁻¹¹) is 2⁻²⁴ with one rounding and 0 with two.
  return squareMinus(1 + 2 ** -12, 1 + 2 ** -11) === 2 ** -24 ? "relaxed-simd" : "simd128";
}
