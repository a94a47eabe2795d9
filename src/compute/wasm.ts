// Tier "wasm": tfjs-backend-wasm with our kernels where its own are missing, slow or wrong, and threads of our own. Needs
// nothing installed.
import * as tf from "@tensorflow/tfjs-core";
import { leaveBackend } from "./backend.ts";
import { eagerCompiler } from "./compile.ts";
import type { OpenBackend } from "./tier.ts";
import { copyKernels } from "./wasm_copies.ts";
import { correctedKernels } from "./wasm_corrections.ts";
import { elementwiseKernels } from "./wasm_elementwise.ts";
import { fusedKernels } from "./wasm_fused.ts";
import { registerFusedGradients } from "./wasm_gradients.ts";
import { memoryOf, openSharedBackend } from "./wasm_heap.ts";
import { replaceKernels } from "./wasm_kernel.ts";
import { defaultVariant, openKernels, type WasmVariant } from "./wasm_kernels.ts";
import { matMulKernel } from "./wasm_matmul.ts";
import { segmentSumKernel } from "./wasm_segment_sum.ts";
import { sumKernels } from "./wasm_sums.ts";

export interface WasmOptions {
  threads: number;
  /** @default "relaxed-simd" where the processor has fused multiply-add, else "simd128" */
  variant?: WasmVariant;
}

export async function openWasm({ threads, variant = defaultVariant() }: WasmOptions): Promise<OpenBackend> {
  const backend = await openSharedBackend();
  const kernels = openKernels({
    memory: memoryOf(backend),
    variant,
    threads,
    // A buffer of the backend: it ends with it.
    allocate: (bytes) => backend.getMemoryOffset(backend.write(null, [bytes / 4], "float32")),
  });
  const restore = replaceKernels(backend, [
    matMulKernel(kernels),
    segmentSumKernel,
    ...copyKernels,
    ...sumKernels,
    ...elementwiseKernels(kernels),
    ...correctedKernels,
    ...fusedKernels(kernels),
  ]);
  const unregister = registerFusedGradients();
  return {
    description: { name: "wasm", variant, threads, engine: `tfjs ${tf.version_core}` },
    ...eagerCompiler,
    dispose() {
      unregister();
      restore();
      kernels.close();
      leaveBackend("wasm");
    },
  };
}
