// The supervised loss: by hand, its gradient, masks.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { ShapeError } from "../../../src/base/errors.ts";
import { supervisedLoss } from "../../../src/math/supervised_loss.ts";
import { tokenLogProbabilities } from "../../../src/math/token_log_probabilities.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { randomNumbers, SEEDS } from "../../support/enumerated_problem.ts";
import {
  assertGradient,
  centralDifferences,
  relativeError,
  TOLERANCE,
} from "../../support/gradient_check.ts";

const VOCABULARY = 5, ROWS = 4, MASK = [1, 0, 1, 1];
const LABELS = [3, 0, 4, 1];

function lossOf(logProbabilities: readonly number[], mask: readonly number[]): number {
  return tf.tidy(() =>
    supervisedLoss(tf.tensor1d([...logProbabilities]), tf.tensor1d([...mask])).dataSync()[0]
  );
}

function lossOfLogits(logits: tf.Tensor): tf.Scalar {
  const rows = tf.reshape(logits, [ROWS, VOCABULARY]);
  return supervisedLoss(tokenLogProbabilities(rows, tf.tensor1d(LABELS, "int32")), tf.tensor1d(MASK));
}

describe("supervisedLoss()", () => {
  useCpuTier();

  it("is ln V per token for a uniform policy: H counted tokens have H · ln V (Eq. (1))", () => {
    const loss = tf.tidy(() => lossOfLogits(tf.zeros([ROWS * VOCABULARY])).dataSync()[0]);
    assert.ok(Math.abs(loss - Math.log(VOCABULARY)) < 1e-6, `${loss}`);
    const counted = MASK.reduce((a, b) => a + b);
    assert.ok(Math.abs(loss * counted - 3 * Math.log(5)) < 1e-5);
  });

  it("is the mean of −log π over counted tokens: by hand (Eq. (1))", () => {
    // −(−1 − 3) / 2; the −7 is not counted.
    assert.equal(lossOf([-1, -7, -3], [1, 0, 1]), 2);
  });

  it("gives masked tokens what leaving them out gives, in any order (Eq. (1))", () => {
    for (const seed of SEEDS.slice(0, 5)) {
      const values = randomNumbers(seed, "log-probabilities", 6).map((value) => -Math.abs(value));
      const mask = [1, 0, 1, 1, 0, 1];
      const masked = lossOf(values, mask);
      const sliced = lossOf(values.filter((_, i) => mask[i] === 1), [1, 1, 1, 1]);
      assert.ok(Math.abs(masked - sliced) < 1e-6, `seed ${seed}`);
      assert.ok(Math.abs(lossOf([...values].reverse(), [...mask].reverse()) - masked) < 1e-6);
    }
  });

  it("has the gradient that central differences give, none at masked tokens; a wrong one is rejected (Eq. (1))", () => {
    const point = Float32Array.from(randomNumbers(1, "logits", ROWS * VOCABULARY));
    const gradient = tf.tidy(() => tf.grad(lossOfLogits)(tf.tensor1d(point)).dataSync());
    const wanted = centralDifferences(
      (at) => tf.tidy(() => lossOfLogits(tf.tensor1d(at)).dataSync()[0]),
      point,
    );
    assertGradient(gradient, wanted);
    assert.ok(gradient.slice(VOCABULARY, 2 * VOCABULARY).every((value) => value === 0));
    assert.ok(relativeError(gradient.map((value) => -value), wanted) > TOLERANCE);
    assert.ok(relativeError(gradient.map((value) => 1.01 * value), wanted) > TOLERANCE);
  });

  it("falls along its negative gradient: demonstrations become likelier (Eq. (1))", () => {
    const [before, after] = tf.tidy(() => {
      const logits = tf.tensor1d(randomNumbers(2, "logits", ROWS * VOCABULARY));
      const moved = tf.sub(logits, tf.mul(tf.grad(lossOfLogits)(logits), 0.5));
      const likelihood = (at: tf.Tensor) =>
        tf.sum(tf.mul(
          tokenLogProbabilities(tf.reshape(at, [ROWS, VOCABULARY]), tf.tensor1d(LABELS, "int32")),
          tf.tensor1d(MASK),
        )).dataSync()[0];
      return [likelihood(logits), likelihood(moved)];
    });
    assert.ok(after > before + 0.05, `${before} → ${after}`);
  });

  it("refuses a mask of another shape by name", () => {
    assert.throws(
      () => lossOf([-1, -2], [1]),
      (error) =>
        error instanceof ShapeError &&
        /supervisedLoss\(\): "continuationMask" must be \[rows=2\], got \[1\]/.test(error.message),
    );
  });
});
