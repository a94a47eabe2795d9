// What the loop converges to with population expectations and full support, by enumeration: the reason for the default
// reward `residual`, and for an SFT reference only with it.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { closedFormPolicy } from "../../../src/math/closed_form_policy.ts";
import { klDivergence } from "../../../src/math/policy_value.ts";
import { randomNumbers, randomPolicy, SEEDS } from "../../support/enumerated_problem.ts";

/** The reward that minimises Eq. (11) with samples of q: log π_E/q, up to c(x). */
const rewardAgainst = (expert: number[], q: number[]) => expert.map((share, y) => Math.log(share / q[y]));

/** Eq. (11) in the population: −Σ π_E(y) q(y′) log σ(r(y) − r(y′)). */
function pairLoss(rewards: number[], expert: number[], q: number[]): number {
  return expert.reduce(
    (sum, share, y) =>
      sum +
      q.reduce((inner, other, z) => inner + share * other * Math.log1p(Math.exp(rewards[z] - rewards[y])), 0),
    0,
  );
}

/** Distance of two policies: the largest difference of log-probabilities, less a constant. */
function distance(p: number[], q: number[]): number {
  const ratios = p.map((share, y) => Math.log(share / q[y]));
  return Math.max(...ratios) - Math.min(...ratios);
}

/** π_ref^{β/(1+β)} π_E^{1/(1+β)}, normalised. */
function halfway(reference: number[], expert: number[], beta: number): number[] {
  const ratio = rewardAgainst(expert, reference).map((value) => value / (1 + beta));
  return closedFormPolicy(reference, ratio);
}

interface Loop {
  expert: number[];
  reference: number[];
  beta: number;
  iterations: number;
}

/** π_0 … π_K: newest reward, KL to the SFT policy. */
function newestReward({ expert, reference, beta, iterations }: Loop): number[][] {
  const policies = [reference];
  for (let k = 0; k < iterations; k++) {
    policies.push(closedFormPolicy(reference, rewardAgainst(expert, policies[k]), { klCoefficient: beta }));
  }
  return policies;
}

/** π_0 … π_K: rewards R_k = R_{k−1} + log π_E/π_k, KL to the SFT policy. */
function residualReward({ expert, reference, beta, iterations }: Loop): number[][] {
  const policies = [reference];
  let total = reference.map(() => 0);
  for (let k = 0; k < iterations; k++) {
    const difference = rewardAgainst(expert, policies[k]);
    total = total.map((reward, y) => reward + difference[y]);
    policies.push(closedFormPolicy(reference, total, { klCoefficient: beta }));
  }
  return policies;
}

describe("the reward step in the population", () => {
  it("is minimal at r = log π_E/q + c(x) (Eq. (11))", () => {
    for (const seed of SEEDS.slice(0, 5)) {
      const expert = randomPolicy(seed, "expert"),
        q = randomPolicy(seed, "q"),
        best = rewardAgainst(expert, q);
      const least = pairLoss(best, expert, q);
      best.forEach((_, y) => {
        const slope = (step: number) =>
          pairLoss(best.map((reward, i) => i === y ? reward + step : reward), expert, q);
        assert.ok(Math.abs(slope(1e-4) - slope(-1e-4)) / 2e-4 < 1e-8, `seed ${seed}`);
      });
      const other = randomNumbers(seed, "step", 9).map((step, y) => best[y] + step);
      assert.ok(pairLoss(other, expert, q) > least);
      assert.ok(Math.abs(pairLoss(best.map((reward) => reward + 2), expert, q) - least) < 1e-12);
    }
  });
});

describe("the loop with the newest reward and KL to SFT", () => {
  const expert = randomPolicy(1, "expert"), reference = randomPolicy(1, "reference");

  it("alternates between expert and SFT at β = 1", () => {
    const policies = newestReward({ expert, reference, beta: 1, iterations: 5 });
    policies.forEach((policy, k) =>
      assert.ok(distance(policy, k % 2 === 1 ? expert : reference) < 1e-9, `k = ${k}`)
    );
  });

  it("has its fixed point halfway, not at the expert, and multiplies the deviation by −1/β", () => {
    for (const beta of [0.5, 2]) {
      const fixed = halfway(reference, expert, beta);
      const stays = closedFormPolicy(reference, rewardAgainst(expert, fixed), { klCoefficient: beta });
      assert.ok(distance(stays, fixed) < 1e-9);
      const policies = newestReward({ expert, reference, beta, iterations: 6 });
      const deviation = policies.map((policy) => policy.map((share, y) => Math.log(share / fixed[y])));
      deviation.slice(1).forEach((now, k) => {
        // Up to a constant: differences between two continuations.
        now.forEach((value, y) => {
          const before = deviation[k][y] - deviation[k][0];
          assert.ok(
            Math.abs(value - now[0] + before / beta) < 1e-6 * Math.max(1, Math.abs(before)),
            `β = ${beta}, k = ${k}`,
          );
        });
      });
    }
  });

  it("diverges for β below 1 and converges to the halfway point above", () => {
    const fixed = (beta: number) => halfway(reference, expert, beta);
    const low = newestReward({ expert, reference, beta: 0.5, iterations: 8 });
    assert.ok(distance(low[8], fixed(0.5)) > 100 * distance(low[0], fixed(0.5)));
    const high = newestReward({ expert, reference, beta: 2, iterations: 30 });
    assert.ok(distance(high[30], fixed(2)) < 1e-6);
    assert.ok(klDivergence(expert, high[30]) > 0.01);
  });
});

describe("the loop with residual rewards and KL to SFT", () => {
  const expert = randomPolicy(2, "expert"), reference = randomPolicy(2, "reference");

  it("steps to log π_{k+1} = (1 − 1/β) log π_k + (1/β) log π_E + c(x)", () => {
    for (const beta of [0.6, 1, 3]) {
      const policies = residualReward({ expert, reference, beta, iterations: 4 });
      policies.slice(1).forEach((policy, k) => {
        const mixed = closedFormPolicy(
          policies[k],
          rewardAgainst(expert, policies[k]).map((value) => value / beta),
        );
        assert.ok(distance(policy, mixed) < 1e-9, `β = ${beta}, k = ${k}`);
      });
    }
  });

  it("is the loop with the newest reward and KL to the previous policy", () => {
    const beta = 0.8, policies = residualReward({ expert, reference, beta, iterations: 4 });
    let previous = reference;
    for (const policy of policies.slice(1)) {
      previous = closedFormPolicy(previous, rewardAgainst(expert, previous), { klCoefficient: beta });
      assert.ok(distance(policy, previous) < 1e-9);
    }
  });

  it("reaches the expert in one step at β = 1, and in the limit for every β above ½, but not below", () => {
    const far = (beta: number, iterations: number) => {
      const policies = residualReward({ expert, reference, beta, iterations });
      return distance(policies[iterations], expert);
    };
    assert.ok(far(1, 1) < 1e-9);
    assert.ok(far(0.6, 40) < 1e-5);
    assert.ok(far(3, 60) < 1e-5);
    assert.ok(far(0.4, 12) > 50 * distance(reference, expert));
  });
});
