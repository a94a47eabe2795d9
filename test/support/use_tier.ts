// Opens a tier for the tests of a describe block; fails the block when tensors are left over.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll } from "@std/testing/bdd";
import { openTier, type Tier, type TierOptions } from "../../src/compute/tier.ts";

/** Call it first inside `describe`; the tier is there when a test runs. Without options there is none, and every test is skipped. */
export function useTier(options: TierOptions | undefined): { readonly tier: Tier } {
  let tier: Tier | undefined, before = 0;
  beforeAll(async () => {
    if (options === undefined) return;
    tier = await openTier(options);
    before = tf.memory().numTensors;
  });
  afterAll(async () => {
    if (tier === undefined) return;
    const left = tf.memory().numTensors - before;
    await tier.dispose();
    assert.equal(left, 0, `${left} tensors were not freed`);
  });
  return {
    get tier() {
      if (tier === undefined) throw new Error("the tier is there only while tests run");
      return tier;
    },
  };
}
