// Tier "native": the node kernels of tfjs over libtensorflow, without the package's install script and addon.
// Left out: tracing; operations run one by one.
import util from "node:util";
import * as tf from "@tensorflow/tfjs-core";
import { NodeJSKernelBackend } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { useBackend } from "./backend.ts";
import { createNativeBinding } from "./native_binding.ts";
import { replaceGather } from "./native_gather.ts";
import type { OpenBackend } from "./tier.ts";

/** The name under which the node kernels are registered. */
export const nativeBackend = "tensorflow";

export async function openNative(
  { directory, threads }: { directory: string; threads: number },
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
      variant: "eager",
      threads,
      engine: `tensorflow ${binding.TF_Version}`,
    },
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
