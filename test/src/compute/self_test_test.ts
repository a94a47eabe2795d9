// The self-test must fail on a backend that computes wrong, and name what is wrong.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { openTier } from "../../../src/compute/tier.ts";

/** Opens the tier "cpu" with one kernel's results changed, and puts the kernel back. */
async function openBroken(name: string, change: (values: Float32Array) => void): Promise<void> {
  const original = tf.getKernel(name, "cpu");
  tf.unregisterKernel(name, "cpu");
  tf.registerKernel({
    ...original,
    kernelFunc: (call) => {
      const result = original.kernelFunc(call);
      const [{ dataId }] = Array.isArray(result) ? result : [result];
      const values = tf.backend().readSync(dataId);
      if (values instanceof Float32Array) change(values);
      return result;
    },
  });
  try {
    const tier = await openTier({ name: "cpu", threads: 1 });
    await tier.dispose();
  } finally {
    tf.unregisterKernel(name, "cpu");
    tf.registerKernel(original);
  }
}

const firstOff = (values: Float32Array) => void (values[0] += 1e-3);

describe("selfTest()", () => {
  it("passes where nothing is broken", async () => {
    await openBroken(tf.BatchMatMul, () => {});
  });

  it("names a broken matrix product", async () => {
    await assert.rejects(
      openBroken(tf.BatchMatMul, firstOff),
      /^Error: Do not use the tier "cpu" \(js, tfjs [\d.]+\) here: matMul of matrices gives .* instead of .* at 0$/,
    );
  });

  it("names a product that is wrong only in batches", async () => {
    await assert.rejects(
      openBroken(tf.BatchMatMul, (values) => void (values.length === 3 * 6 * 8 && firstOff(values))),
      /matMul of 3 pairs of matrices gives/,
    );
  });

  it("names the gradient of gather", async () => {
    await assert.rejects(openBroken(tf.UnsortedSegmentSum, firstOff), /the gradient of gather gives/);
  });

  it("names a hidden NaN", async () => {
    const hide = (values: Float32Array) =>
      values.forEach((value, i) => values[i] = Number.isNaN(value) ? 1 : value);
    await assert.rejects(openBroken(tf.Maximum, hide), /the maximum of NaN and 1 gives 1 instead of NaN/);
  });

  it("names the training step when an operation inside it is wrong", async () => {
    for (const kernel of [tf.Erf, tf.Rsqrt, tf.Mean, tf.Exp]) {
      await assert.rejects(openBroken(kernel, firstOff), /one training step gives/, kernel);
    }
  });

  it("leaves no tier open when it fails", async () => {
    await assert.rejects(openBroken(tf.BatchMatMul, firstOff));
    const tier = await openTier({ name: "cpu", threads: 1 });
    await tier.dispose();
  });
});
