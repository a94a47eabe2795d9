// Kernels of the wasm tier where the tier "cpu" is no reference: unlike batches, refusals, shared buffers, long sums.
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { openTier, type Tier } from "../../../src/compute/tier.ts";

describe("the kernels of the wasm tier", () => {
  let tier: Tier;
  beforeAll(async () => {
    tier = await openTier({ name: "wasm", threads: 1 });
  });
  afterAll(() => tier.dispose());

  const numbers = (tensor: tf.Tensor) => {
    const values = Array.from(tensor.dataSync());
    tensor.dispose();
    return values;
  };

  it("matMul broadcasts unlike batches", () => {
    // a: two 1 x 1 matrices 2 and 3; b: three, 5, 7 and 11.
    const product = tf.matMul(tf.tensor4d([2, 3], [2, 1, 1, 1]), tf.tensor4d([5, 7, 11], [1, 3, 1, 1]));
    assert.deepEqual(product.shape, [2, 3, 1, 1]);
    assert.deepEqual(numbers(product), [10, 14, 22, 15, 21, 33]);
    const single = tf.matMul(tf.tensor3d([2, 3], [2, 1, 1]), tf.tensor4d([5, 7, 11, 13], [2, 2, 1, 1]));
    assert.deepEqual(numbers(single), [10, 21, 22, 39]);
  });

  it("gather and unsortedSegmentSum refuse indices out of range and keep nothing", () => {
    const before = tf.backend().numDataIds();
    const x = tf.tensor2d([[1, 2], [3, 4]]);
    assert.throws(
      () => tf.tidy(() => tf.gather(x, tf.tensor1d([2], "int32"))),
      /gather: index 2 is not in \[0, 2\)/,
    );
    assert.throws(() => tf.tidy(() => tf.gather(x, tf.tensor1d([-1], "int32"))), /index -1/);
    assert.throws(() => tf.tidy(() => tf.unsortedSegmentSum(x, [0, 5], 3)), /segment 5 is not below 3/);
    x.dispose();
    assert.equal(tf.backend().numDataIds(), before);
  });

  it("unsortedSegmentSum drops negative segments", () => {
    const x = tf.tensor2d([[1, 2], [3, 4], [5, 6]]);
    assert.deepEqual(numbers(tf.unsortedSegmentSum(x, [1, -1, 1], 2)), [0, 0, 6, 8]);
    x.dispose();
  });

  it("a clone lives on when its original is disposed, and the buffer goes with the last owner", () => {
    const before = tf.backend().numDataIds();
    const x = tf.tensor1d([1, 2, 3]), clone = tf.clone(x);
    assert.equal(tf.backend().numDataIds(), before + 1);
    x.dispose();
    assert.deepEqual(numbers(clone), [1, 2, 3]);
    assert.equal(tf.backend().numDataIds(), before);
  });

  it("sum adds a million small numbers without losing them", () => {
    // In float32, adding 0.1 to more than 2^20 one by one is off by percents.
    const x = tf.fill([1_000_000], 0.1), rows = tf.reshape(x, [1_000_000, 1]);
    for (const sum of [tf.sum(x), tf.sum(rows, 0)]) {
      const [value] = numbers(sum);
      assert.ok(Math.abs(value - 100_000) < 0.1, `${value}`);
    }
    tf.dispose([x, rows]);
  });

  it("erf is right to 4e-7 everywhere, stays within ±1 and keeps NaN", () => {
    const points = Array.from({ length: 2_001 }, (_, i) => (i - 1_000) / 200);
    const values = numbers(tf.erf(tf.tensor1d(points)));
    points.forEach((x, i) => {
      const wanted = Math.abs(x) > 4 ? Math.sign(x) : erfBySeries(Math.fround(x));
      assert.ok(Math.abs(values[i] - wanted) < 4e-7 && Math.abs(values[i]) <= 1, `erf(${x}) = ${values[i]}`);
    });
    assert.deepEqual(numbers(tf.erf(tf.tensor1d([NaN, Infinity, -Infinity]))), [NaN, 1, -1]);
  });

  it("memory that grows in between leaves products right", () => {
    const a = tf.tensor2d([[1, 2], [3, 4]]), big = tf.zeros([6_000_000]);
    assert.deepEqual(numbers(tf.matMul(a, a)), [7, 10, 15, 22]);
    assert.deepEqual(numbers(tf.matMul(a, a, true, true)), [7, 15, 10, 22]);
    tf.dispose([a, big]);
  });
});

/** 2/√π Σ (−1)^n x^(2n+1) / (n! (2n+1)), in double precision. */
function erfBySeries(x: number): number {
  let sum = 0, power = x;
  for (let n = 0; n < 80; n++) {
    sum += power / (2 * n + 1);
    power *= -x * x / (n + 1);
  }
  return 2 / Math.sqrt(Math.PI) * sum;
}
