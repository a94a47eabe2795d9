// Sums and means on the wasm tier. The package's kernels transpose whole tensors to sum the first axis and add in
// float32 one by one; ours add in place, in double precision, in a fixed order.
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { type WasmKernel, wholeNumbers } from "./wasm_kernel.ts";

export const sumKernels: readonly WasmKernel[] = [tf.Sum, tf.Mean].map((name): WasmKernel => ({
  name,
  run({ input, attribute, original }, backend) {
    const x = input("x");
    const wanted = attribute("axis") ?? x.shape.map((_, axis) => axis);
    const axes = tf.util.parseAxisParam(wholeNumbers(wanted), x.shape).sort((a, b) => a - b);
    const isOneBlock = axes.every((axis, i) => axis === axes[0] + i);
    if (x.dtype !== "float32" || axes.length === 0 || !isOneBlock) return original();
    const out = sumBlock(backend, x, {
      first: axes[0],
      end: axes[0] + axes.length,
      isMean: name === tf.Mean,
    });
    const keep = attribute("keepDims") === true;
    return keep ? { ...out, shape: tf.backend_util.expandShapeToKeepDim(out.shape, axes) } : out;
  },
}));

interface Block {
  /** The axes from `first` to before `end` are summed. */
  first: number;
  end: number;
  isMean: boolean;
}

/** out[outer, inner] = sum over the block of x[outer, block, inner], the axes of each group flattened. */
function sumBlock(backend: BackendWasm, x: tf.TensorInfo, { first, end, isMean }: Block): tf.TensorInfo {
  const outer = tf.util.sizeFromShape(x.shape.slice(0, first));
  const length = tf.util.sizeFromShape(x.shape.slice(first, end));
  const inner = tf.util.sizeFromShape(x.shape.slice(end));
  const out = backend.makeOutput([...x.shape.slice(0, first), ...x.shape.slice(end)], "float32");
  const values = backend.typedArrayFromHeap(x), sums = backend.typedArrayFromHeap(out);
  const divisor = isMean ? length : 1;
  if (inner === 1) {
    for (let row = 0; row < outer; row++) sums[row] = sumOfRun(values, row * length, length) / divisor;
    return out;
  }
  const columns = new Float64Array(inner);
  for (let row = 0; row < outer; row++) {
    columns.fill(0);
    for (let k = 0; k < length; k++) {
      const from = (row * length + k) * inner;
      for (let j = 0; j < inner; j++) columns[j] += values[from + j];
    }
    for (let j = 0; j < inner; j++) sums[row * inner + j] = columns[j] / divisor;
  }
  return out;
}

/** Four partial sums, so that additions need not wait for each other. */
function sumOfRun(values: tf.backend_util.TypedArray, from: number, length: number): number {
  const end = from + length, wholeEnd = end - length % 4;
  let a = 0, b = 0, c = 0, d = 0, i = from;
  for (; i < wholeEnd; i += 4) {
    a += values[i];
    b += values[i + 1];
    c += values[i + 2];
    d += values[i + 3];
  }
  for (; i < end; i++) a += values[i];
  return (a + b) + (c + d);
}
