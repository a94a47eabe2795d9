// The optimal policy and the value that it maximises, by hand and by enumeration.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { closedFormPolicy, logPartition } from "../../../src/math/closed_form_policy.ts";
import { klDivergence, policyValue } from "../../../src/math/policy_value.ts";
import { randomNumbers, randomPolicy, SEEDS, sequencePolicy } from "../../support/enumerated_problem.ts";

function near(got: number, wanted: number, message?: string): void {
  assert.ok(
    Math.abs(got - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted)),
    `${message}: ${got} instead of ${wanted}`,
  );
}

describe("closedFormPolicy()", () => {
  it("weighs the reference with exp(r): by hand (Eq. (9))", () => {
    // π_ref = (½, ¼, ¼), exp(r) = (1, 2, 4): weights ½, ½, 1; divided by 2.
    const policy = closedFormPolicy([0.5, 0.25, 0.25], [0, Math.log(2), Math.log(4)]);
    [0.25, 0.25, 0.5].forEach((wanted, i) => near(policy[i], wanted));
    // β = ½ squares the weights 1, 2, 4: ½, 1, 4; divided by 5½.
    const sharper = closedFormPolicy([0.5, 0.25, 0.25], [0, Math.log(2), Math.log(4)], {
      klCoefficient: 0.5,
    });
    [1, 2, 8].forEach((wanted, i) => near(sharper[i], wanted / 11));
  });

  it("sums to one and leaves a policy with reward 0 as it is (Eq. (12))", () => {
    for (const seed of SEEDS) {
      const reference = randomPolicy(seed, "reference"), rewards = randomNumbers(seed, "rewards", 9);
      near(closedFormPolicy(reference, rewards).reduce((a, b) => a + b), 1, `seed ${seed}`);
      closedFormPolicy(reference, rewards.map(() => 0)).forEach((share, y) => near(share, reference[y]));
    }
  });

  it("has log π*/π_ref = r/β − log Z for every continuation (Eq. (14))", () => {
    for (const seed of SEEDS) {
      const reference = randomPolicy(seed, "reference"), rewards = randomNumbers(seed, "rewards", 9);
      for (const klCoefficient of [0.3, 1, 2]) {
        const policy = closedFormPolicy(reference, rewards, { klCoefficient });
        const logZ = logPartition(reference, rewards, { klCoefficient });
        policy.forEach((share, y) =>
          near(Math.log(share / reference[y]), rewards[y] / klCoefficient - logZ, `seed ${seed}`)
        );
      }
    }
  });

  it("is unchanged by r + c(x), also for rewards beyond what exp holds (Eq. (9))", () => {
    for (const seed of SEEDS) {
      const reference = randomPolicy(seed, "reference"), rewards = randomNumbers(seed, "rewards", 9);
      const policy = closedFormPolicy(reference, rewards);
      for (const constant of [-5, 3, 1000]) {
        const moved = closedFormPolicy(reference, rewards.map((reward) => reward + constant));
        moved.forEach((share, y) => assert.ok(Math.abs(share - policy[y]) < 1e-9, `seed ${seed}`));
      }
    }
  });

  it("refuses lists of different lengths", () => {
    assert.throws(() => closedFormPolicy([1], [1, 2]), /wants a reward for each of 1 continuations, got 2/);
  });
});

describe("policyValue()", () => {
  it("is E[r] − β KL: by hand (Eq. (3))", () => {
    // π = (¾, ¼) against (½, ½): KL = ¾ ln 1.5 + ¼ ln ½ = 0.1308121; E[r] = ¾·2 − ¼·2 = 1.
    const value = policyValue([0.75, 0.25], [2, -2], { referencePolicy: [0.5, 0.5], klCoefficient: 0.5 });
    assert.ok(Math.abs(value - (1 - 0.5 * 0.1308121)) < 1e-7);
  });

  it("is largest at the policy of Eq. (9), where it is β log Z; every other policy has less (Eq. (5b))", () => {
    for (const seed of SEEDS) {
      const referencePolicy = randomPolicy(seed, "reference"), rewards = randomNumbers(seed, "rewards", 9);
      for (const klCoefficient of [0.3, 1]) {
        const best = closedFormPolicy(referencePolicy, rewards, { klCoefficient });
        const valueOf = (policy: number[]) =>
          policyValue(policy, rewards, { referencePolicy, klCoefficient });
        const value = valueOf(best);
        near(
          value,
          klCoefficient * logPartition(referencePolicy, rewards, { klCoefficient }),
          `seed ${seed}`,
        );
        for (const label of ["a", "b", "c"]) {
          const other = randomPolicy(seed, label);
          assert.ok(valueOf(other) < value, `seed ${seed}, ${label}`);
          // The exact form of "is the maximum": J(π*) − J(π) = β KL(π ‖ π*).
          near(value - valueOf(other), klCoefficient * klDivergence(other, best), `seed ${seed}`);
          const nearby = best.map((share, y) => 0.99 * share + 0.01 * other[y]);
          assert.ok(valueOf(nearby) < value);
        }
      }
    }
  });

  it("has no gradient at the policy of Eq. (9), in any of its logits (Eq. (5b))", () => {
    const referencePolicy = randomPolicy(1, "reference"), rewards = randomNumbers(1, "rewards", 9);
    const best = closedFormPolicy(referencePolicy, rewards);
    // A policy over sequences is any distribution here: its 12 logits from its own conditionals.
    const firsts = [0, 1, 2].map((first) => best.slice(3 * first, 3 * first + 3));
    const logits = [...firsts.map((row) => Math.log(row.reduce((a, b) => a + b))), ...best.map(Math.log)];
    const valueAt = (at: number[]) => policyValue(sequencePolicy(at), rewards, { referencePolicy });
    near(valueAt(logits), logPartition(referencePolicy, rewards));
    logits.forEach((_, i) => {
      const slope = (step: number) => valueAt(logits.map((logit, j) => j === i ? logit + step : logit));
      assert.ok(Math.abs(slope(1e-4) - slope(-1e-4)) / 2e-4 < 1e-7);
    });
  });
});

describe("klDivergence()", () => {
  it("is 0 for equal policies and above 0 for others; what p never says adds nothing", () => {
    for (const seed of SEEDS) {
      const p = randomPolicy(seed, "p"), q = randomPolicy(seed, "q");
      near(klDivergence(p, p), 0);
      assert.ok(klDivergence(p, q) > 0, `seed ${seed}`);
    }
    near(klDivergence([1, 0], [0.25, 0.75]), Math.log(4));
  });
});
