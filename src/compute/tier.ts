// A compute tier: the one tensor backend of this process or Worker, opened, patched and proved by its self-test.
// `compile` is the one door to step functions. Left out here: WebGPU.
import type * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../base/errors.ts";

export type TierName = "native" | "webgpu" | "wasm" | "cpu";

/** Shape and type of one argument of a compiled function. */
export interface TensorSpec {
  shape: readonly number[];
  dtype: "float32" | "int32" | "bool";
}

/** What a run records: equal descriptions give bitwise equal results. */
export interface TierDescription {
  name: TierName;
  /** Kernel variant: "xla" or "eager" on native, "simd128" on wasm. */
  variant: string;
  /** Threads in use, set by us and not taken from the machine; always 1 on wasm and cpu. */
  threads: number;
  /** E.g. "tensorflow 2.21.0" or "tfjs 4.22.0". */
  engine: string;
}

/** A pure function of tensors, e.g. one training step. */
export type TensorFunction = (...args: tf.Tensor[]) => tf.Tensor[];

/** What a compiled function may use beside tensor operations. Gradients do not pass through. */
export interface TracedOperations {
  /**
   * `body` again and again while `condition` gives true, from `initial` on. State tensors keep their shapes and types;
   * whatever else the two need must be part of the state. One loop a function.
   */
  loop(
    condition: (...state: tf.Tensor[]) => tf.Tensor,
    body: TensorFunction,
    initial: readonly tf.Tensor[],
  ): tf.Tensor[];
  /** `target` with `values` written over it from `start` on, one int32 scalar an axis; in place where the target is not used again. */
  writeSlice(target: tf.Tensor, values: tf.Tensor, start: readonly tf.Tensor[]): tf.Tensor;
}

export interface Tier extends TierDescription {
  /**
   * `fn` with its arguments' number, shapes and types checked on every call (ShapeError). What it makes on the way
   * is freed; the results belong to the caller and are never the arguments themselves.
   *
   * Variant "xla" runs `fn` once, at the first call, to trace it into one program: `fn` must not read numbers out of
   * tensors, and what it takes from outside its arguments is fixed then. An operation that cannot be traced is an Error
   * that names it. Compiling takes seconds, so callers keep to few shapes there.
   */
  compile(name: string, fn: TensorFunction, specs: readonly TensorSpec[]): TensorFunction;
  /** There where functions are compiled, for use inside them. */
  readonly traced?: TracedOperations;
  /** Frees the backend; every tensor of it is gone. */
  dispose(): Promise<void>;
}

export interface TierOptions {
  name: TierName;
  threads: number;
  /** Folder of libtensorflow_cc.so.2; native only. */
  libraryDirectory?: string;
  /** Native only: whether compile() makes one XLA program of a function or runs it operation by operation. @default "xla" */
  variant?: "xla" | "eager";
}

/** A backend that tfjs uses now, before its self-test. */
export interface OpenBackend {
  description: TierDescription;
  compile: Tier["compile"];
  traced?: TracedOperations;
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
  if (options.name !== "native" && options.variant !== undefined) {
    throw new ConfigError(`Leave out the variant "${options.variant}": the tier "${options.name}" has none`);
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
    const { description, compile, traced } = backend;
    const { selfTest } = await import("./self_test.ts");
    await selfTest(description);
    return {
      ...description,
      compile,
      ...(traced !== undefined && { traced }),
      dispose: () => Promise.resolve(close()),
    };
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
      return openNative({
        directory: options.libraryDirectory,
        threads: options.threads,
        variant: options.variant ?? "xla",
      });
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
