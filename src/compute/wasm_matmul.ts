// Matrix products on the wasm tier. The package's kernel is a plain loop for transposed or batched operands,
// which is two thirds of a training step; ours packs any strides.
import * as tf from "@tensorflow/tfjs-core";
import type { WasmKernel } from "./wasm_kernel.ts";
import type { Kernels } from "./wasm_kernels.ts";
import { type Operand, runProduct } from "./wasm_product.ts";

export function matMulKernel(kernels: Kernels): WasmKernel {
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
      const left: Operand = {
        offset: backend.getMemoryOffset(a.dataId),
        batchStride: 0,
        rowStride: transposeA ? 1 : depth,
        columnStride: transposeA ? rows : 1,
      };
      const right: Operand = {
        offset: backend.getMemoryOffset(b.dataId),
        batchStride: 0,
        rowStride: transposeB ? 1 : columns,
        columnStride: transposeB ? depth : 1,
      };
      const start = backend.getMemoryOffset(out.dataId);
      for (const run of batchRuns(batchShape, batchA, batchB)) {
        runProduct(kernels, {
          a: placed(left, { matrix: rows * depth, first: run.a, step: run.stepA }),
          b: placed(right, { matrix: depth * columns, first: run.b, step: run.stepB }),
          ...{ batch: run.count, rows, columns, depth },
          out: start + FLOAT * run.out * rows * columns,
        });
      }
      return out;
    },
  };
}

/** Bytes of a float. */
const FLOAT = 4;

/** An operand from its matrix number `first` on, `step` matrices from one product to the next. */
function placed(
  operand: Operand,
  { matrix, first, step }: { matrix: number; first: number; step: number },
): Operand {
  return { ...operand, offset: operand.offset + FLOAT * first * matrix, batchStride: step * matrix };
}

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
