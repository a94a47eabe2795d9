// Tier "native": the node kernels of tfjs over libtensorflow, without the package's install script and addon.
// Variant "xla" compiles functions into one program each; "eager" runs their operations one by one.
import util from "node:util";
import * as tf from "@tensorflow/tfjs-core";
import { NodeJSKernelBackend } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { useBackend } from "./backend.ts";
import { eagerCompiler } from "./compile.ts";
import { createNativeBinding } from "./native_binding.ts";
import { compileNatively } from "./native_compile.ts";
import { replaceGather } from "./native_gather.ts";
import { nativeEngine } from "./native_gpu.ts";
import type { OpenBackend } from "./tier.ts";

/** The name under which the node kernels are registered. */
export const nativeBackend = "tensorflow";

export async function openNative(
  { directory, threads, variant, tf32 }: {
    directory: string;
    threads: number;
    variant: "xla" | "eager";
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
  return {
    description: {
      name: "native",
      variant,
      threads,
      engine: nativeEngine(binding.TF_Version, binding.isUsingGpuDevice() ? { tf32 } : undefined),
    },
    ...(variant === "xla" ? compileNatively(backend, binding) : eagerCompiler),
    dispose() {
      tf.removeBackend(nativeBackend);
      binding.close();
    },
  };
}

/** The node kernels call util.isNullOrUndefined, which newer runtimes have dropped. */
function restoreRemovedUtil(): void {
  if (!("isNullOrUndefined" in util)) {
    Object.assign(util, { isNullOrUndefined: (value: unknown) => value === null || value === undefined });
  }
}
