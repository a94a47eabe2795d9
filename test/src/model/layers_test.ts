// Layers with hand-written gradients: values by hand, gradients against central differences.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, normals, splitKey } from "../../../src/base/random.ts";
import { gelu, layerNorm, linear } from "../../../src/model/layers.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import {
  assertGradient,
  centralDifferences,
  relativeError,
  TOLERANCE,
} from "../../support/gradient_check.ts";

const random = (label: string, count: number) =>
  Float32Array.from(normals(splitKey(keyFromSeed(1), label), count));
const ROWS = 3, HIDDEN = 6;

describe("layerNorm()", () => {
  useCpuTier();

  it("has rows of mean 0 and variance 1 before scale and shift", () => {
    const out = tf.tidy(() =>
      layerNorm(tf.tensor2d(random("x", 18), [ROWS, HIDDEN]), tf.ones([HIDDEN]), tf.zeros([HIDDEN]))
        .dataSync()
    );
    for (let row = 0; row < ROWS; row++) {
      const values = Array.from(out.slice(row * HIDDEN, (row + 1) * HIDDEN));
      const mean = values.reduce((a, b) => a + b) / HIDDEN;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / HIDDEN;
      assert.ok(Math.abs(mean) < 1e-6 && Math.abs(variance - 1) < 1e-3);
    }
  });

  it("gives (x − mean)/deviation · scale + shift: by hand", () => {
    // Mean 2, variance 1 (and 1e-5): ±1 · 3 + 10.
    const out = tf.tidy(() =>
      layerNorm(tf.tensor2d([[1, 3]]), tf.tensor1d([3, 3]), tf.tensor1d([10, 10])).dataSync()
    );
    assert.ok(Math.abs(out[0] - 7) < 1e-4 && Math.abs(out[1] - 13) < 1e-4);
  });

  it("has the gradients that central differences give; without the mean's part they are rejected", () => {
    const weights = random("weights", ROWS * HIDDEN), size = ROWS * HIDDEN;
    const point = Float32Array.of(
      ...random("x", size),
      ...random("scale", HIDDEN),
      ...random("shift", HIDDEN),
    );
    const total = (flat: tf.Tensor) => {
      const [x, scale, shift] = tf.split(flat, [size, HIDDEN, HIDDEN]);
      const normal = layerNorm(tf.reshape(x, [ROWS, HIDDEN]), scale, shift);
      return tf.sum(tf.mul(tf.reshape(normal, [-1]), tf.tensor1d(weights)));
    };
    const gradient = tf.tidy(() => tf.grad(total)(tf.tensor1d(point)).dataSync());
    const wanted = centralDifferences((at) => tf.tidy(() => total(tf.tensor1d(at)).dataSync()[0]), point);
    assertGradient(gradient, wanted);
    const wrong = gradient.map((value, i) => i < size ? value + weights[i] / 10 : value);
    assert.ok(relativeError(wrong, wanted) > TOLERANCE);
  });
});

describe("gelu()", () => {
  useCpuTier();

  it("is x Φ(x): by hand", () => {
    // Φ(0) = ½; Φ(1) = 0.8413447, Φ(−1) = 0.1586553.
    const out = tf.tidy(() => gelu(tf.tensor1d([0, 1, -1, 10, -10])).dataSync());
    [0, 0.8413447, -0.1586553, 10, 0].forEach((wanted, i) => assert.ok(Math.abs(out[i] - wanted) < 1e-5));
  });

  it("has the gradient that central differences give", () => {
    const point = Float32Array.of(-3, -1, -0.3, 0, 0.2, 0.9, 2.5);
    const gradient = tf.tidy(() => tf.grad((x: tf.Tensor) => tf.sum(gelu(x)))(tf.tensor1d(point)).dataSync());
    const read = (at: Float32Array) => tf.tidy(() => tf.sum(gelu(tf.tensor1d(at))).dataSync()[0]);
    assertGradient(gradient, centralDifferences(read, point));
  });
});

describe("linear()", () => {
  useCpuTier();

  it("is x Wᵀ + b: by hand", () => {
    const out = tf.tidy(() =>
      linear(tf.tensor2d([[1, 2]]), tf.tensor2d([[3, 4], [5, 6], [0, 1]]), tf.tensor1d([1, 0, -1]))
    );
    // 1·3 + 2·4 + 1, 1·5 + 2·6, 2·1 − 1
    assert.deepEqual(Array.from(out.dataSync()), [12, 17, 1]);
    out.dispose();
  });
});
