// RMS norm: values by hand, gradients against central differences.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, normals } from "../../../src/base/random.ts";
import { rmsNorm } from "../../../src/model/rms_norm.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import {
  assertGradient,
  centralDifferences,
  relativeError,
  TOLERANCE,
} from "../../support/gradient_check.ts";

describe("rmsNorm()", () => {
  useCpuTier();

  it("gives x / √(mean(x²) + epsilon) · scale: by hand", () => {
    // Mean of squares 25, and 11: x / 5 and x / 6.
    const out = (epsilon: number) =>
      tf.tidy(() => rmsNorm(tf.tensor2d([[1, 7]]), tf.tensor1d([10, 20]), epsilon).dataSync());
    [2, 28].forEach((value, i) => assert.ok(Math.abs(out(0)[i] - value) < 1e-5));
    [10 / 6, 140 / 6].forEach((value, i) => assert.ok(Math.abs(out(11)[i] - value) < 1e-5));
  });

  it("has the gradients that central differences give; without the mean's part they are rejected", () => {
    const rows = 3, hidden = 5, size = rows * hidden;
    const point = normals(keyFromSeed(1), size + hidden), weights = normals(keyFromSeed(2), size);
    const total = (flat: tf.Tensor) => {
      const [x, scale] = tf.split(flat, [size, hidden]);
      const normal = rmsNorm(tf.reshape(x, [rows, hidden]), scale, 1e-5);
      return tf.sum(tf.mul(tf.reshape(normal, [-1]), tf.tensor1d(weights)));
    };
    const gradient = tf.tidy(() => tf.grad(total)(tf.tensor1d(point)).dataSync());
    const wanted = centralDifferences((at) => tf.tidy(() => total(tf.tensor1d(at)).dataSync()[0]), point);
    assertGradient(gradient, wanted);
    const wrong = gradient.map((value, i) => i < size ? value + point[i] / 10 : value);
    assert.ok(relativeError(wrong, wanted) > TOLERANCE);
  });
});
