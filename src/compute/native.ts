// Tier "native": the node kernels of tfjs over libtensorflow, without the package's install script and addon.
// Variant "xla" compiles functions into one program each; "graph" hands them over whole to libtensorflow, which runs their operations;
// "eager" runs the operations one by one from here.
import util from "node:util";
import * as tf from "@tensorflow/tfjs-core";
import { NodeJSKernelBackend } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { useBackend } from "./backend.ts";
import { eagerCompiler } from "./compile.ts";
import { lanesOf } from "./lanes.ts";
import { createNativeBinding, type NativeBinding } from "./native_binding.ts";
import { compileNatively } from "./native_compile.ts";
import { replaceGather } from "./native_gather.ts";
import { nativeEngine } from "./native_gpu.ts";
import { replaceSoftmax } from "./native_softmax.ts";
import type { OpenBackend, TierCompiler, TierDescription } from "./tier.ts";

type NativeVariant = "xla" | "graph" | "eager";

/** The name under which the node kernels are registered. */
export const nativeBackend = "tensorflow";

export async function openNative(
  { directory, threads, variant, tf32 }: {
    directory: string;
    threads: number;
    /** "xla" if it is left out, or "graph" where XLA compiles nothing. */
    variant?: NativeVariant;
    tf32: boolean;
  },
): Promise<OpenBackend> {
  restoreRemovedUtil();
  const binding = createNativeBinding(directory, threads);
  await import("@tensorflow/tfjs-node-gpu/dist/register_all_kernels.js");
  const backend = new NodeJSKernelBackend(binding, "@tensorflow/tfjs-node-gpu");
  tf.registerBackend(nativeBackend, () => backend, 3);
  await useBackend(nativeBackend);
  replaceGather(backend);
  const { compiler, variant: chosen, remark } = chooseCompiler(backend, binding, variant);
  const restore = chosen === "graph" ? replaceSoftmax() : () => {};
  const description: TierDescription = {
    name: "native",
    variant: chosen,
    threads,
    engine: nativeEngine(binding.TF_Version, binding.isUsingGpuDevice() ? { tf32 } : undefined),
  };
  return {
    description,
    ...compiler,
    lanes: lanesOf(description),
    ...(remark !== undefined && { remark }),
    dispose() {
      restore();
      tf.removeBackend(nativeBackend);
      binding.close();
    },
  };
}

/**
 * XLA may fail where all else works: on a GPU it needs an assembler of its own. That is found out here, once: the variant is part
 * of what a run records, so a function that cannot be compiled later is an Error and is not run another way.
 */
function chooseCompiler(
  backend: NodeJSKernelBackend,
  binding: NativeBinding,
  wanted: NativeVariant | undefined,
): { compiler: Omit<TierCompiler, "lanes">; variant: NativeVariant; remark?: string } {
  if (wanted === "eager") return { compiler: eagerCompiler, variant: wanted };
  const { tracer } = binding;
  const graph = () => compileNatively({ backend, tracer, isCompiled: false }, binding);
  if (wanted === "graph") return { compiler: graph(), variant: wanted };
  const compiler = compileNatively({ backend, tracer, isCompiled: true }, binding);
  try {
    tryOut(compiler);
    return { compiler, variant: "xla" };
  } catch (error) {
    if (wanted === "xla") throw error;
    const reason = error instanceof Error ? error.message : error;
    return {
      compiler: graph(),
      variant: "graph",
      remark: `XLA compiles nothing here, so functions run as graphs, slower: ${reason}`,
    };
  }
}

/** Compiles and calls a small function. */
function tryOut({ compile }: Pick<TierCompiler, "compile">): void {
  const run = compile("trial", (x) => [tf.exp(tf.matMul(x, x))], [{ shape: [2, 2], dtype: "float32" }]);
  tf.tidy(() => {
    const [result] = run(tf.zeros([2, 2])), numbers = Array.from(result.dataSync());
    if (numbers.some((number) => number !== 1)) throw new Error(`exp(0) is ${numbers}`);
  });
}

/** The node kernels call util.isNullOrUndefined, which newer runtimes have dropped. */
function restoreRemovedUtil(): void {
  if (!("isNullOrUndefined" in util)) {
    Object.assign(util, { isNullOrUndefined: (value: unknown) => value === null || value === undefined });
  }
}
