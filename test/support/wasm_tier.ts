// Opens the tier "wasm" for the tests of a describe block, as `useCpuTier` opens the tier "cpu".
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll } from "@std/testing/bdd";
import { openTier, type Tier } from "../../src/compute/tier.ts";

/** Call it first inside `describe`; the tier is there when a test runs. */
export function useWasmTier(): { readonly tier: Tier } {
  let tier: Tier | undefined, before = 0;
  beforeAll(async () => {
    tier = await openTier({ name: "wasm", threads: 1 });
    before = tf.memory().numTensors;
  });
  afterAll(async () => {
    const left = tf.memory().numTensors - before;
    await tier?.dispose();
    assert.equal(left, 0, `${left} tensors were not freed`);
  });
  return {
    get tier() {
      if (tier === undefined) throw new Error("the tier is there only while tests run");
      return tier;
    },
  };
}
