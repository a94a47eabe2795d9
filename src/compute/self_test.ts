// The self-test of a tier: matrix products in every transpose, the gradient of gather, visible NaNs, and one small
// training step against stored numbers. A tier that fails computes nothing.
import * as tf from "@tensorflow/tfjs-core";
import type { TierDescription } from "./tier.ts";
import { usesTf32 } from "./native_gpu.ts";
import { numbersAfterTraining, trainOnce } from "./self_test_training.ts";

interface Check {
  what: string;
  compute: () => tf.Tensor;
  wanted: () => readonly number[];
  /** Largest allowed distance, relative to numbers above 1 and absolute below. */
  tolerance: number;
}

/** Throws an Error that names the first wrong result. */
export async function selfTest(tier: TierDescription): Promise<void> {
  for (const { what, compute, wanted, tolerance } of checks(tier)) {
    const result = tf.tidy(compute);
    const got = Array.from(await result.data());
    result.dispose();
    const numbers = wanted();
    if (got.length !== numbers.length) {
      throw failure(tier, `${what} has ${got.length} numbers instead of ${numbers.length}`);
    }
    const wrong = numbers.findIndex((number, i) => !isNear(got[i], number, tolerance));
    if (wrong >= 0) {
      throw failure(tier, `${what} gives ${got[wrong]} instead of ${numbers[wrong]} at ${wrong}`);
    }
  }
}

function failure({ name, variant, engine }: TierDescription, finding: string): Error {
  return new Error(`Do not use the tier "${name}" (${variant}, ${engine}) here: ${finding}`);
}

function isNear(got: number, wanted: number, tolerance: number): boolean {
  if (Number.isNaN(wanted)) return Number.isNaN(got);
  return Math.abs(got - wanted) <= tolerance * Math.max(1, Math.abs(wanted));
}

function checks(tier: TierDescription): Check[] {
  return [
    ...matMulChecks({ batch: 0, rows: 7, depth: 9, columns: 10 }),
    ...matMulChecks({ batch: 3, rows: 6, depth: 4, columns: 8 }),
    ...matMulChecks({ batch: 2, rows: 1, depth: 6, columns: 5 }),
    {
      what: "the gradient of gather",
      compute: () =>
        tf.grad((x: tf.Tensor) => tf.sum(tf.mul(tf.gather(x, [2, 0, 2]), [[1, 2], [3, 4], [5, 6]])))(
          tf.zeros([3, 2]),
        ),
      // Row 2 is taken twice: 1 + 5 and 2 + 6.
      wanted: () => [3, 4, 0, 0, 6, 8],
      tolerance: 0,
    },
    {
      what: "the maximum of NaN and 1",
      compute: () => tf.concat([tf.maximum([NaN, 1], [1, NaN]), tf.minimum([NaN, 1], [1, NaN])]),
      wanted: () => [NaN, NaN, NaN, NaN],
      tolerance: 0,
    },
    {
      what: "one training step",
      compute: trainOnce,
      wanted: () => numbersAfterTraining,
      // Factors of 10 bits are off by up to 2⁻¹¹, and the products go through two layers and their gradients.
      tolerance: usesTf32(tier) ? 5e-3 : 1e-5,
    },
  ];
}

interface ProductSize {
  /** 0: plain matrices without a batch axis. */
  batch: number;
  rows: number;
  depth: number;
  columns: number;
}

/** Small whole numbers, so that every tier must give exactly the sums of products. */
function matMulChecks(size: ProductSize): Check[] {
  return [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) => ({
      what: `matMul of ${size.batch > 0 ? `${size.batch} pairs of ` : ""}matrices` +
        `${transposeA ? ", a transposed" : ""}${transposeB ? ", b transposed" : ""}`,
      compute: () =>
        tf.matMul(
          operand(size.batch, size.rows, size.depth, { seed: 3, isTransposed: transposeA }),
          operand(size.batch, size.depth, size.columns, { seed: 5, isTransposed: transposeB }),
          transposeA,
          transposeB,
        ),
      wanted: () => productOf(size),
      tolerance: 0,
    }))
  );
}

/** The whole number at one place of a made-up matrix. */
function entry(seed: number, index: number): number {
  return (index * seed + (index >> 2)) % 7 - 3;
}

function operand(
  batch: number,
  rows: number,
  columns: number,
  { seed, isTransposed }: { seed: number; isTransposed: boolean },
): tf.Tensor {
  const count = Math.max(1, batch) * rows * columns;
  const values = Float32Array.from({ length: count }, (_, index) => entry(seed, index));
  const matrices = tf.tensor(values, batch > 0 ? [batch, rows, columns] : [rows, columns]);
  if (!isTransposed) return matrices;
  return tf.transpose(matrices, batch > 0 ? [0, 2, 1] : [1, 0]);
}

function productOf({ batch, rows, depth, columns }: ProductSize): number[] {
  const out: number[] = [];
  for (let pair = 0; pair < Math.max(1, batch); pair++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let sum = 0;
        for (let k = 0; k < depth; k++) {
          sum += entry(3, (pair * rows + row) * depth + k) * entry(5, (pair * depth + k) * columns + column);
        }
        out.push(sum);
      }
    }
  }
  return out;
}
