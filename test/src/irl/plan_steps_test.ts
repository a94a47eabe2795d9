// Step counts, chunks, keys and minibatches by hand.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RunConfig } from "../../../events/mod.ts";
import { keyFromSeed } from "../../../src/base/random.ts";
import { minibatches } from "../../../src/irl/minibatches.ts";
import {
  batchesPerEpoch,
  chunksOf,
  numRewardSteps,
  numSupervisedSteps,
  stepKey,
} from "../../../src/irl/plan_steps.ts";

describe("chunksOf()", () => {
  it("covers the steps without gaps, the last chunk shorter", () => {
    assert.deepEqual(chunksOf(7, 3), [
      { fromStep: 0, toStep: 3 },
      { fromStep: 3, toStep: 6 },
      { fromStep: 6, toStep: 7 },
    ]);
    assert.deepEqual(chunksOf(3, 3), [{ fromStep: 0, toStep: 3 }]);
    assert.deepEqual(chunksOf(1, 100), [{ fromStep: 0, toStep: 1 }]);
  });
});

describe("numSupervisedSteps()", () => {
  const { supervised } = RunConfig.parse({});

  it("is epochs times whole batches, at least one step", () => {
    // 20 epochs of ⌊2000/64⌋ = 31 batches.
    assert.equal(numSupervisedSteps(supervised, 2000), 620);
    assert.equal(numSupervisedSteps({ ...supervised, epochs: 0.5 }, 100), 1);
    assert.equal(numSupervisedSteps({ ...supervised, epochs: 1 }, 3), 1);
  });
});

describe("numRewardSteps()", () => {
  const { reward } = RunConfig.parse({});

  it("counts the pairs that are not held out", () => {
    // 2000 demonstrations, every tenth held out: 1800 · 4 pairs in batches of 32 are 225.
    assert.equal(numRewardSteps(reward, { numDemonstrations: 2000, negatives: 4 }), 225);
    // 11 demonstrations: rows 0 and 10 held out, 9 pairs fill no batch of 32.
    assert.equal(numRewardSteps(reward, { numDemonstrations: 11, negatives: 1 }), 1);
  });
});

describe("stepKey()", () => {
  it("differs by iteration, step and shard, and by the run's key", () => {
    const key = keyFromSeed(1);
    const keys = [
      stepKey(key, 1, "generate"),
      stepKey(key, 2, "generate"),
      stepKey(key, 1, "reward"),
      stepKey(key, 1, "generate", 1),
      stepKey(keyFromSeed(2), 1, "generate"),
    ];
    assert.equal(new Set(keys).size, keys.length);
    assert.equal(stepKey(key, 1, "generate", 0), keys[0]);
  });
});

describe("minibatches()", () => {
  const key = keyFromSeed(3);

  it("shows every row at most once an epoch, in another order each epoch", () => {
    const rows = minibatches(key, { numRows: 10, batchSize: 3 });
    assert.equal(batchesPerEpoch(10, 3), 3);
    const epoch = (first: number) => [0, 1, 2].flatMap((step) => Array.from(rows(first + step)));
    const one = epoch(0), two = epoch(3);
    for (const seen of [one, two]) assert.equal(new Set(seen).size, 9);
    assert.notDeepEqual(one, two);
  });

  it("is a function of key and step alone: it can begin anywhere", () => {
    const whole = minibatches(key, { numRows: 10, batchSize: 3 });
    const steps = Array.from({ length: 8 }, (_, step) => Array.from(whole(step)));
    for (const step of [7, 2, 5, 0]) {
      assert.deepEqual(Array.from(minibatches(key, { numRows: 10, batchSize: 3 })(step)), steps[step]);
    }
    assert.notDeepEqual(Array.from(minibatches(keyFromSeed(4), { numRows: 10, batchSize: 3 })(0)), steps[0]);
  });

  it("gives all rows where they fill no batch", () => {
    const rows = minibatches(key, { numRows: 2, batchSize: 5 });
    assert.deepEqual(Array.from(rows(0)).sort(), [0, 1]);
  });
});
