// A compute tier: the one tensor backend of this process or Worker, opened, patched and proved by its self-test.
// `compile` is the one door to step functions.
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
  /** Kernel variant: "xla", "graph" or "eager" on native, "simd128" or "relaxed-simd" on wasm, "wgsl" on webgpu. */
  variant: string;
  /** Threads in use, set by us and not taken from the machine; always 1 but on native and wasm. */
  threads: number;
  /** E.g. "tensorflow 2.21.0" or "tfjs 4.22.0"; a GPU is named behind a comma. */
  engine: string;
}

/** A pure function of tensors, e.g. one training step. */
export type TensorFunction = (...args: tf.Tensor[]) => tf.Tensor[];

/** A compiled one. */
export interface CompiledFunction {
  (...args: tf.Tensor[]): tf.Tensor[];
  /** The same, beside other such calls where the tier has lanes for them: the same numbers in less time. See `callAll`. */
  later(...args: tf.Tensor[]): Promise<tf.Tensor[]>;
}

/**
 * Tensors that outlive calls: what functions compiled for a state read and replace. Each keeps its shape and type. Only the tier
 * that opened it takes it.
 */
export interface TensorState {
  readonly specs: readonly TensorSpec[];
  /**
   * The current value of one of them, without a copy where the tier can. The caller disposes it, before the next call that
   * replaces it if that is not to copy.
   */
  read(index: number): tf.Tensor;
  dispose(): void;
}

/** A compiled function of a state and of tensors: replaces the state and gives the other results. */
export type StateFunction = (state: TensorState, ...args: tf.Tensor[]) => tf.Tensor[];

export interface StateFunctionSpecs {
  state: readonly TensorSpec[];
  args: readonly TensorSpec[];
}

/** What a compiled function may use beside tensor operations. Gradients do not pass through. */
export interface TracedOperations {
  /**
   * `body` again and again while `condition` gives true, from `initial` on. State tensors keep their shapes and types;
   * whatever else the two need must be part of the state. A body may hold a loop.
   */
  loop(
    condition: (...state: tf.Tensor[]) => tf.Tensor,
    body: TensorFunction,
    initial: readonly tf.Tensor[],
  ): tf.Tensor[];
  /** `target` with `values` written over it from `start` on, one int32 scalar an axis; in place where the target is not used again. */
  writeSlice(target: tf.Tensor, values: tf.Tensor, start: readonly tf.Tensor[]): tf.Tensor;
}

/** What a tier does with functions of tensors. */
export interface TierCompiler {
  /**
   * `fn` with its arguments' number, shapes and types checked on every call (ShapeError). What it makes on the way
   * is freed; the results belong to the caller and are never the arguments themselves.
   *
   * Variants "xla" and "graph" run `fn` once, at the first call, to trace it into one program: `fn` must not read numbers out of
   * tensors, and what it takes from outside its arguments is fixed then. An operation that cannot be traced is an Error
   * that names it. Compiling with "xla" takes seconds, so callers keep to few shapes there.
   */
  compile(name: string, fn: TensorFunction, specs: readonly TensorSpec[]): CompiledFunction;
  /**
   * The same for a function that changes a state: `fn` is pure, (state, …arguments) → [next state, …results], and a tensor of the
   * state that it hands through stays as it is. A call that throws leaves the whole state as it was. Where functions are traced the
   * state is variables that the program changes in place: no second copy of parameters and moments is ever in memory.
   */
  compileWithState(name: string, fn: TensorFunction, specs: StateFunctionSpecs): StateFunction;
  /** A state that starts from `initial`, which is taken over and disposed. */
  openState(initial: readonly tf.Tensor[]): TensorState;
  /** There where functions are compiled, for use inside them. */
  readonly traced?: TracedOperations;
  /** How many calls are worth running at the same time: 1 where one has all threads in every operation. */
  readonly lanes: number;
}

export interface Tier extends TierDescription, TierCompiler {
  /** One line for the user: why this is not the variant that one would wish for. */
  readonly remark?: string;
  /** Resolves with the reason when the backend can compute no more by itself; what it gives since then is refused. */
  readonly failed?: Promise<Error>;
  /** Frees the backend; every tensor of it is gone. */
  dispose(): Promise<void>;
}

export interface TierOptions {
  name: TierName;
  threads: number;
  /** Folder of libtensorflow_cc.so.2; native only. */
  libraryDirectory?: string;
  /**
   * Native: whether compile() makes one XLA program of a function, hands it to libtensorflow as a graph or runs it operation by
   * operation. Wasm: whether a product
   * and its sum are rounded together ("relaxed-simd", which not every processor can) or each for itself.
   * @default "xla", or "graph" where XLA fails; "relaxed-simd" where the processor can, else "simd128"
   */
  variant?: TierVariant;
  /** Native on an NVIDIA GPU only: whether its process was started with TF32 products, as its environment sets it. @default false */
  tf32?: boolean;
}

/** The variants that can be chosen. */
const VARIANTS = {
  native: ["xla", "graph", "eager"],
  wasm: ["simd128", "relaxed-simd"],
  webgpu: [],
  cpu: [],
} as const;
export type TierVariant = (typeof VARIANTS)[TierName][number];

/** A backend that tfjs uses now, before its self-test. */
export interface OpenBackend extends TierCompiler {
  description: TierDescription;
  remark?: Tier["remark"];
  failed?: Promise<Error>;
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
  const { name, variant } = options, allowed: readonly TierVariant[] = VARIANTS[name];
  if (variant !== undefined && !allowed.includes(variant)) {
    const choice = allowed.length === 0 ? "none" : allowed.map((one) => `"${one}"`).join(" and ");
    throw new ConfigError(`Leave out the variant "${variant}": the tier "${name}" has ${choice}`);
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
    const { description, dispose: _, ...compiler } = backend;
    const { selfTest } = await import("./self_test.ts");
    await selfTest(description);
    return { ...description, ...compiler, dispose: () => Promise.resolve(close()) };
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
        variant: VARIANTS.native.find((variant) => variant === options.variant),
        tf32: options.tf32 ?? false,
      });
    }
    case "wasm":
      return (await import("./wasm.ts")).openWasm({
        threads: options.threads,
        variant: VARIANTS.wasm.find((variant) => variant === options.variant),
      });
    case "cpu":
      return (await import("./cpu.ts")).openCpu();
    case "webgpu":
      return (await import("./webgpu.ts")).openWebgpu();
    default:
      return options.name satisfies never;
  }
}
