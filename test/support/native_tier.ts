// Opens the native tier for the tests of a describe block, as `useCpuTier` opens the tier "cpu".
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll } from "@std/testing/bdd";
import { openTier, type Tier } from "../../src/compute/tier.ts";
import { nativeTestLibrary } from "../src/compute/native_test_library.ts";

const library = nativeTestLibrary();

/** Why tests of the native tier are skipped here, or false. */
export const nativeSkip: string | false = "missing" in library ? library.missing : false;

/** Call it first inside `describe`; the tier is there when a test runs that is not skipped. */
export function useNativeTier(): { readonly tier: Tier } {
  let tier: Tier | undefined, before = 0;
  beforeAll(async () => {
    if ("missing" in library) return;
    tier = await openTier({ name: "native", threads: 2, libraryDirectory: library.directory });
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
