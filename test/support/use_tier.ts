// Opens a tier for the tests of a describe block; fails the block when tensors are left over.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll } from "@std/testing/bdd";
import { openTier, type Tier, type TierOptions } from "../../src/compute/tier.ts";

/** Call it first inside `describe`; the tier is there when a test runs. */
export function useTier(options: TierOptions): { readonly tier: Tier } {
  let tier: Tier | undefined, before = 0;
  beforeAll(async () => {
    tier = await openTier(options);
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
