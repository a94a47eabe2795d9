// The gate of SwiGLU: values by hand, gradients against central differences.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, normals } from "../../../src/base/random.ts";
import { gatedSilu } from "../../../src/model/gated_silu.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { assertGradient, centralDifferences } from "../../support/gradient_check.ts";

describe("gatedSilu()", () => {
  useCpuTier();

  it("gives gate σ(gate) up: by hand", () => {
    // σ(0) = 1/2; σ(ln 3) = 3/4.
    const out = tf.tidy(() =>
      gatedSilu(tf.tensor1d([0, Math.log(3), -Math.log(3)]), tf.tensor1d([5, 4, 4])).dataSync()
    );
    [0, 3 * Math.log(3), -Math.log(3)].forEach((value, i) => assert.ok(Math.abs(out[i] - value) < 1e-6));
  });

  it("has the gradients that central differences give", () => {
    const size = 6, point = normals(keyFromSeed(1), 2 * size), weights = normals(keyFromSeed(2), size);
    const total = (flat: tf.Tensor) => {
      const [gate, up] = tf.split(flat, 2);
      return tf.sum(tf.mul(gatedSilu(gate, up), tf.tensor1d(weights)));
    };
    const gradient = tf.tidy(() => tf.grad(total)(tf.tensor1d(point)).dataSync());
    const wanted = centralDifferences((at) => tf.tidy(() => total(tf.tensor1d(at)).dataSync()[0]), point);
    assertGradient(gradient, wanted);
  });
});
