// Log-probabilities of tokens by hand, and their gradient.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { tokenLogProbabilities } from "../../../src/math/token_log_probabilities.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { randomNumbers } from "../../support/enumerated_problem.ts";
import { assertGradient, centralDifferences } from "../../support/gradient_check.ts";

function logProbabilities(logits: number[][], labels: number[]): number[] {
  return tf.tidy(() =>
    Array.from(tokenLogProbabilities(tf.tensor2d(logits), tf.tensor1d(labels, "int32")).dataSync())
  );
}

describe("tokenLogProbabilities()", () => {
  useCpuTier();

  it("is the logit less the logarithm of the sum of exponentials: by hand", () => {
    // exp: 1, 2, 1 → ¼, ½, ¼.
    const got = logProbabilities([[0, Math.log(2), 0], [0, Math.log(2), 0]], [1, 2]);
    [Math.log(0.5), Math.log(0.25)].forEach((wanted, i) => assert.ok(Math.abs(got[i] - wanted) < 1e-6));
  });

  it("stays finite for large logits and for tokens without probability", () => {
    const [likely, impossible] = logProbabilities([[1000, 0], [1000, 0]], [0, 1]);
    assert.ok(Math.abs(likely) < 1e-6);
    assert.ok(Number.isFinite(impossible) && impossible < -60);
  });

  it("has the gradient that central differences give, weighted from above", () => {
    const weights = [1, -2, 0.5], labels = [2, 0, 3];
    const total = (flat: tf.Tensor) =>
      tf.sum(
        tf.mul(
          tokenLogProbabilities(tf.reshape(flat, [3, 4]), tf.tensor1d(labels, "int32")),
          tf.tensor1d(weights),
        ),
      );
    const point = Float32Array.from(randomNumbers(1, "logits", 12));
    const gradient = tf.tidy(() => tf.grad(total)(tf.tensor1d(point)).dataSync());
    assertGradient(
      gradient,
      centralDifferences((at) => tf.tidy(() => total(tf.tensor1d(at)).dataSync()[0]), point),
    );
  });

  it("refuses labels of another length by name", () => {
    assert.throws(
      () => logProbabilities([[0, 1]], [0, 1]),
      /tokenLogProbabilities\(\): "labels" must be \[rows=1\], got \[2\]/,
    );
  });
});
