// Kernels of tfjs-backend-wasm 4.22.0 that give wrong numbers without an error, made right: NaN lost in the second
// argument of maximum and minimum and in clipping, one-hots written as whole numbers whatever their type.
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { runKernel, type WasmKernel } from "./wasm_kernel.ts";

export const correctedKernels: readonly WasmKernel[] = [
  keepingNan(tf.Maximum),
  keepingNan(tf.Minimum),
  ...[tf.ClipByValue, tf.Relu6].map((name): WasmKernel => ({
    name,
    run({ input, original }, backend) {
      const out = original();
      copyNan(backend, input("x"), out);
      return out;
    },
  })),
  {
    name: tf.OneHot,
    run({ input, attribute, original }, backend) {
      const dtype = String(attribute("dtype"));
      if (dtype === "int32") return original();
      const attrs = { depth: Number(attribute("depth")), onValue: 1, offValue: 0, dtype: "int32" };
      const whole = original({ indices: input("indices") }, attrs);
      const out = runKernel(tf.Cast, { inputs: { x: whole }, attrs: { dtype }, backend });
      backend.disposeData(whole.dataId);
      const on = Number(attribute("onValue")), off = Number(attribute("offValue"));
      const values = backend.typedArrayFromHeap(out);
      if (on !== 1 || off !== 0) values.forEach((value, i) => values[i] = value === 1 ? on : off);
      return out;
    },
  },
];

/** The package's maximum or minimum drops a NaN of its second argument. */
function keepingNan(name: string): WasmKernel {
  return {
    name,
    run({ input, original }, backend) {
      const b = input("b"), out = original();
      if (b.dtype !== "float32" || !hasNan(backend, b)) return out;
      const zeros = backend.makeOutput(out.shape, "float32");
      backend.typedArrayFromHeap(zeros).fill(0);
      const spread = runKernel(tf.Add, { inputs: { a: b, b: zeros }, backend });
      copyNan(backend, spread, out);
      backend.disposeData(zeros.dataId);
      backend.disposeData(spread.dataId);
      return out;
    },
  };
}

function hasNan(backend: BackendWasm, tensor: tf.TensorInfo): boolean {
  for (const value of backend.typedArrayFromHeap(tensor)) if (value !== value) return true;
  return false;
}

function copyNan(backend: BackendWasm, from: tf.TensorInfo, to: tf.TensorInfo): void {
  const source = backend.typedArrayFromHeap(from), target = backend.typedArrayFromHeap(to);
  for (let i = 0; i < source.length; i++) if (source[i] !== source[i]) target[i] = NaN;
}
