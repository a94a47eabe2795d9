// Calls side by side: order, number at a time, and what happens to the others when one fails.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import * as tf from "@tensorflow/tfjs-core";
import { callAll } from "../../../src/compute/call_all.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";

describe("callAll()", () => {
  useCpuTier();

  it("gives results in the calls' order, with at most so many calls at a time", async () => {
    let running = 0, most = 0;
    const call = (value: number) => async () => {
      most = Math.max(most, ++running);
      // The first ones take longest.
      for (let i = 0; i < 10 - value; i++) await Promise.resolve();
      running--;
      return [tf.scalar(value)];
    };
    for (const lanes of [1, 2, 3, 20]) {
      most = 0;
      const results = await callAll(lanes, [0, 1, 2, 3, 4, 5, 6].map(call));
      assert.deepEqual(results.map(([result]) => result.dataSync()[0]), [0, 1, 2, 3, 4, 5, 6]);
      assert.equal(most, Math.min(lanes, 7));
      tf.dispose(results);
    }
    assert.deepEqual(await callAll(2, []), []);
  });

  it("throws the first error when all that was begun has ended, begins nothing more and frees the rest", async () => {
    const before = tf.memory().numTensors, begun: number[] = [];
    let ended = false;
    await assert.rejects(
      callAll(
        2,
        [0, 1, 2, 3].map((place) => async () => {
          begun.push(place);
          if (place === 0) throw new Error("no memory");
          for (let i = 0; i < 9; i++) await Promise.resolve();
          ended = true;
          return [tf.scalar(place)];
        }),
      ),
      /no memory/,
    );
    assert.ok(ended);
    assert.deepEqual(begun, [0, 1]);
    assert.equal(tf.memory().numTensors, before);
  });
});
