// Tier "wasm": tfjs-backend-wasm with our kernels where its own are missing, slow or wrong. Needs nothing installed.
// Left out: threads, which this backend has in browsers only.
import { BackendWasm, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { leaveBackend, useBackend } from "./backend.ts";
import { compileEagerly } from "./compile.ts";
import type { OpenBackend } from "./tier.ts";
import { gemmOnHeap } from "./wasm_gemm.ts";
import { replaceKernels } from "./wasm_kernel.ts";
import { correctedKernels } from "./wasm_corrections.ts";
import { copyKernels } from "./wasm_copies.ts";
import { elementwiseKernels } from "./wasm_elementwise.ts";
import { sumKernels } from "./wasm_sums.ts";
import { matMulKernel } from "./wasm_matmul.ts";
import { segmentSumKernel } from "./wasm_segment_sum.ts";

export async function openWasm(): Promise<OpenBackend> {
  // The folder of the package's compiled files, wherever it is installed.
  setWasmPaths(new URL(".", import.meta.resolve("@tensorflow/tfjs-backend-wasm/dist/base.js")).href);
  await useBackend("wasm");
  const backend = tf.backend();
  if (!(backend instanceof BackendWasm)) throw new Error("tfjs started another backend than wasm");
  const restore = replaceKernels(backend, [
    matMulKernel(gemmOnHeap(backend)),
    segmentSumKernel,
    ...copyKernels,
    ...sumKernels,
    ...elementwiseKernels(backend),
    ...correctedKernels,
  ]);
  return {
    description: { name: "wasm", variant: "simd128", threads: 1, engine: `tfjs ${tf.version_core}` },
    compile: compileEagerly,
    dispose() {
      restore();
      leaveBackend("wasm");
    },
  };
}
