// Best-of-N: by hand, its policy by enumeration of all pools, and its known limits.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { bestOfEach, bestOfNDivergenceBound, bestOfNPolicy } from "../../../src/math/best_of_n.ts";
import { klDivergence } from "../../../src/math/policy_value.ts";
import { NUM_CONTINUATIONS, randomNumbers, randomPolicy, SEEDS } from "../../support/enumerated_problem.ts";

describe("bestOfEach()", () => {
  it("is the first of the largest rewards of each prompt: by hand", () => {
    assert.deepEqual(bestOfEach([1, 3, 2, 5, 5, 4], 3), [1, 3]);
    assert.deepEqual(bestOfEach([7, -1], 1), [0, 1]);
  });

  it("refuses a remainder and no samples", () => {
    assert.throws(() => bestOfEach([1, 2, 3], 2), /got 3 for 2/);
    assert.throws(() => bestOfEach([], 0), RangeError);
  });
});

describe("bestOfNPolicy()", () => {
  it("is by hand the chance that the best of two is y", () => {
    // Rewards 0 < 1: the best of two is the first only if both are: .7²; the second otherwise.
    const [first, second] = bestOfNPolicy([0.7, 0.3], [0, 1], 2);
    assert.ok(Math.abs(first - 0.49) < 1e-12 && Math.abs(second - 0.51) < 1e-12);
    // Equal rewards choose nothing.
    assert.deepEqual(bestOfNPolicy([0.7, 0.3], [2, 2], 2).map((share) => share.toFixed(12)), [
      "0.700000000000",
      "0.300000000000",
    ]);
  });

  it("is what bestOfEach chooses, by enumeration of every pool of three", () => {
    for (const seed of SEEDS.slice(0, 3)) {
      const policy = randomPolicy(seed, "policy"),
        rewards = randomNumbers(seed, "rewards", NUM_CONTINUATIONS);
      const chosen = policy.map(() => 0), all = [...policy.keys()];
      for (const a of all) {
        for (const b of all) {
          for (const c of all) {
            const pool = [a, b, c], [best] = bestOfEach(pool.map((y) => rewards[y]), 3);
            chosen[pool[best]] += policy[a] * policy[b] * policy[c];
          }
        }
      }
      bestOfNPolicy(policy, rewards, 3).forEach((share, y) => assert.ok(Math.abs(share - chosen[y]) < 1e-12));
    }
  });

  it("has a KL to its policy of at most log N − (N − 1)/N, near it where single outcomes are rare", () => {
    for (const seed of SEEDS) {
      const policy = randomPolicy(seed, "policy"),
        rewards = randomNumbers(seed, "rewards", NUM_CONTINUATIONS);
      for (const n of [1, 2, 8, 64]) {
        const kl = klDivergence(bestOfNPolicy(policy, rewards, n), policy);
        assert.ok(kl <= bestOfNDivergenceBound(n) + 1e-12, `seed ${seed}, N = ${n}: ${kl}`);
      }
    }
    const many = 2000, uniform = Array.from({ length: many }, () => 1 / many);
    const kl = klDivergence(bestOfNPolicy(uniform, uniform.map((_, y) => y), 8), uniform);
    assert.ok(bestOfNDivergenceBound(8) - kl < 0.01, `${kl}`);
  });

  it("raises the reward with N, and repeated collapses to the best continuation", () => {
    const rewards = randomNumbers(4, "rewards", NUM_CONTINUATIONS);
    let policy = randomPolicy(4, "policy");
    const value = (shares: number[]) => shares.reduce((sum, share, y) => sum + share * rewards[y], 0);
    assert.ok(value(bestOfNPolicy(policy, rewards, 4)) > value(bestOfNPolicy(policy, rewards, 2)));
    for (let round = 0; round < 12; round++) policy = bestOfNPolicy(policy, rewards, 4);
    assert.ok(policy[rewards.indexOf(Math.max(...rewards))] > 0.999);
  });
});

describe("bestOfNDivergenceBound()", () => {
  it("is 0 for one sample and log N − (N − 1)/N: by hand", () => {
    assert.equal(bestOfNDivergenceBound(1), 0);
    assert.ok(Math.abs(bestOfNDivergenceBound(8) - (Math.log(8) - 7 / 8)) < 1e-12);
  });
});
