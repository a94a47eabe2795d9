// Matrix products on the wasm tier. The package's kernel is a plain loop for transposed or batched operands,
// which is two thirds of a training step; ours packs any strides.
import * as tf from "@tensorflow/tfjs-core";
import type { Gemm } from "./wasm_gemm.ts";
import type { WasmKernel } from "./wasm_kernel.ts";

export function matMulKernel(gemm: Gemm): WasmKernel {
  return {
    name: tf.BatchMatMul,
    run({ input, attribute, original }, backend) {
      const a = input("a"), b = input("b");
      if (a.dtype !== "float32" || b.dtype !== "float32") return original();
      const transposeA = attribute("transposeA") === true, transposeB = attribute("transposeB") === true;
      const [rows, depth] = matrixShape(a, transposeA), [depthB, columns] = matrixShape(b, transposeB);
      if (depth !== depthB) {
        throw new Error(`matMul: inner sizes of [${a.shape}] and [${b.shape}] differ: ${depth}, ${depthB}`);
      }
      const batchA = a.shape.slice(0, -2), batchB = b.shape.slice(0, -2);
      const batchShape = tf.broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
      const out = backend.makeOutput([...batchShape, rows, columns], "float32");
      if (depth === 0) {
        backend.typedArrayFromHeap(out).fill(0);
        return out;
      }
      const left = {
        offset: backend.getMemoryOffset(a.dataId),
        rowStride: transposeA ? 1 : depth,
        columnStride: transposeA ? rows : 1,
      };
      const right = {
        offset: backend.getMemoryOffset(b.dataId),
        rowStride: transposeB ? 1 : columns,
        columnStride: transposeB ? depth : 1,
      };
      const start = backend.getMemoryOffset(out.dataId);
      for (const run of batchRuns(batchShape, batchA, batchB)) {
        gemm(
          {
            ...left,
            offset: left.offset + FLOAT * run.a * rows * depth,
            batchStride: run.stepA * rows * depth,
          },
          {
            ...right,
            offset: right.offset + FLOAT * run.b * depth * columns,
            batchStride: run.stepB * depth * columns,
          },
          { batch: run.count, rows, columns, depth, out: start + FLOAT * run.out * rows * columns },
        );
      }
      return out;
    },
  };
}

/** Bytes of a float. */
const FLOAT = 4;

/** `count` products one after the other: where each operand starts, in matrices, and how far it steps (0: the same one). */
interface BatchRun {
  out: number;
  count: number;
  a: number;
  stepA: 0 | 1;
  b: number;
  stepB: 0 | 1;
}

/** Pairs of matrices, or one against many, are a single run; other broadcasts have a run for each product. */
function batchRuns(
  shape: readonly number[],
  shapeA: readonly number[],
  shapeB: readonly number[],
): BatchRun[] {
  const count = sizeOf(shape), countA = sizeOf(shapeA), countB = sizeOf(shapeB);
  if ((countA === count || countA === 1) && (countB === count || countB === 1)) {
    return [{ out: 0, count, a: 0, stepA: countA === 1 ? 0 : 1, b: 0, stepB: countB === 1 ? 0 : 1 }];
  }
  return Array.from({ length: count }, (_, out) => ({
    out,
    count: 1,
    a: broadcastIndex(out, shape, shapeA),
    stepA: 0,
    b: broadcastIndex(out, shape, shapeB),
    stepB: 0,
  }));
}

/** The place in an operand of batch shape `own` that stands at `index` of the broadcast batch `shape`. */
function broadcastIndex(index: number, shape: readonly number[], own: readonly number[]): number {
  let rest = index, place = 0, stride = 1;
  for (let axis = 1; axis <= shape.length; axis++) {
    const length = own.at(-axis) ?? 1, along = shape[shape.length - axis];
    if (length > 1) place += (rest % along) * stride;
    stride *= length;
    rest = Math.floor(rest / along);
  }
  return place;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Rows and columns of the matrices in a tensor, after transposing. */
function matrixShape({ shape }: tf.TensorInfo, isTransposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2);
  return isTransposed ? [columns, rows] : [rows, columns];
}
