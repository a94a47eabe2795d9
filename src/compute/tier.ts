// A compute tier: the one tensor backend of this process or Worker, opened, patched and proved by its self-test.
// `compile` is the one door to step functions. Left out here: tracing (functions run eagerly), WebGPU.
import type * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../base/errors.ts";
import { compileEagerly } from "./compile.ts";

export type TierName = "native" | "webgpu" | "wasm" | "cpu";

/** Shape and type of one argument of a compiled function. */
export interface TensorSpec {
  shape: readonly number[];
  dtype: "float32" | "int32" | "bool";
}

/** What a run records: equal descriptions give bitwise equal results. */
export interface TierDescription {
  name: TierName;
  /** Kernel variant, e.g. "eager" or "simd128". */
  variant: string;
  /** Threads in use, set by us and not taken from the machine; always 1 on wasm and cpu. */
  threads: number;
  /** E.g. "tensorflow 2.21.0" or "tfjs 4.22.0". */
  engine: string;
}

/** A pure function of tensors, e.g. one training step. */
export type TensorFunction = (...args: tf.Tensor[]) => tf.Tensor[];

export interface Tier extends TierDescription {
  /**
   * `fn` with its arguments' number, shapes and types checked on every call (ShapeError). What it makes on the way
   * is freed; the results belong to the caller and are never the arguments themselves.
   */
  compile(name: string, fn: TensorFunction, specs: readonly TensorSpec[]): TensorFunction;
  /** Frees the backend; every tensor of it is gone. */
  dispose(): Promise<void>;
}

export interface TierOptions {
  name: TierName;
  threads: number;
  /** Folder of libtensorflow_cc.so.2; native only. */
  libraryDirectory?: string;
}

/** A backend that tfjs uses now, before its self-test. */
export interface OpenBackend {
  description: TierDescription;
  dispose(): void;
}

let openName: TierName | undefined;

/** Makes `name` the backend of this process or Worker (one at a time) and proves that it computes right. */
export async function openTier(options: TierOptions): Promise<Tier> {
  if (openName !== undefined) {
    throw new Error(`Dispose the tier "${openName}" before opening "${options.name}": one is open at a time`);
  }
  if (!Number.isSafeInteger(options.threads) || options.threads < 1) {
    throw new ConfigError(`Give a whole number of threads from 1, got ${options.threads}`);
  }
  openName = options.name;
  let backend: OpenBackend | undefined;
  const close = () => {
    backend?.dispose();
    backend = undefined;
    openName = undefined;
  };
  try {
    backend = await openBackend(options);
    const { selfTest } = await import("./self_test.ts");
    await selfTest(backend.description);
    return { ...backend.description, compile: compileEagerly, dispose: () => Promise.resolve(close()) };
  } catch (error) {
    close();
    throw error;
  }
}

/** Imported when asked for, so that a process loads only the backend it uses. */
async function openBackend(options: TierOptions): Promise<OpenBackend> {
  switch (options.name) {
    case "native": {
      if (options.libraryDirectory === undefined) {
        throw new ConfigError('Name the folder of libtensorflow_cc.so.2 for the tier "native", got none');
      }
      const { openNative } = await import("./native.ts");
      return openNative({ directory: options.libraryDirectory, threads: options.threads });
    }
    case "wasm":
      return (await import("./wasm.ts")).openWasm();
    case "cpu":
      return (await import("./cpu.ts")).openCpu();
    case "webgpu":
      throw new ConfigError('Choose the tier "native" or "wasm": "webgpu" is not built yet');
    default:
      return options.name satisfies never;
  }
}
