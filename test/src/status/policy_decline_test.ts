// When a policy step is said to have lowered its own objective: by a trend, never by noise.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, normals } from "../../../src/base/random.ts";
import { policyDeclines, steadyDecline } from "../../../src/status/policy_decline.ts";
import { projectRun, type RunProjection } from "../../../src/status/run_projection.ts";
import { runPage } from "../../../src/status/run_page.ts";
import { fabricatedRun } from "../../support/fabricated_run.ts";

/** Every order of 0 … n − 1. */
function orders(n: number): number[][] {
  if (n === 0) return [[]];
  return orders(n - 1).flatMap((order) =>
    Array.from({ length: n }, (_, place) => [...order.slice(0, place), n - 1, ...order.slice(place)])
  );
}

describe("steadyDecline()", () => {
  it("tells in at most one of a hundred orders of the same values: 1 of 120, 6 of 720, and none of four values", () => {
    // Falling pairs: 10 of 10 in 1 order of 5; of 6 values 15 in 1 order and 14 in 5, and 20 / 720 > .01 with 13.
    for (const [n, told] of [[1, 0], [2, 0], [3, 0], [4, 0], [5, 1], [6, 6]]) {
      assert.equal(
        orders(n).filter((order) => steadyDecline(order) !== undefined).length,
        told,
        `${n} values`,
      );
    }
  });

  it("gives the means of the first and the last fifth, and how likely noise falls so steadily", () => {
    assert.deepEqual(steadyDecline([5, 4, 3, 2, 1]), { first: 5, last: 1, chance: 1 / 120 });
    const ten = steadyDecline([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert.deepEqual([ten?.first, ten?.last], [8.5, 0.5]);
    assert.ok(Math.abs((ten?.chance ?? 0) * 3_628_800 - 1) < 1e-9); // 10! orders
  });

  it("is silent about rising and about equal values", () => {
    assert.equal(steadyDecline([1, 2, 3, 4, 5, 6]), undefined);
    assert.equal(steadyDecline([1, 1, 1, 1, 1, 1]), undefined);
    assert.equal(steadyDecline([]), undefined);
  });

  it("hears a long slow fall through noise, and takes noise alone for one in a hundred steps", () => {
    const noise = (seed: number) => Array.from(normals(keyFromSeed(seed), 98));
    const falls = (slope: number) =>
      Array.from({ length: 300 }, (_, seed) => noise(seed).map((value, i) => value - slope * i))
        .filter((values) => steadyDecline(values) !== undefined).length;
    assert.ok(falls(0) <= 9, `${falls(0)} of 300`); // 3 expected; more than 9 in fewer than 1 of 1,000 seeds
    assert.ok(falls(0.02) >= 290, `${falls(0.02)} of 300`);
  });
});

describe("policyDeclines()", () => {
  const records = fabricatedRun();
  const run = (changes: Partial<RunProjection> = {}): RunProjection => ({
    ...projectRun(records),
    policyCurve: [1, 2].flatMap((iteration) =>
      Array.from(
        { length: 6 },
        (_, i) => ({ iteration, step: 6 * iteration + i, reward: 1, kl: iteration * i }),
      )
    ),
    ...changes,
  });
  const optimiser = (name: "ppo" | "best-of-n" | "raft") => {
    const { config } = projectRun(records);
    return run({ config: { ...config, policy: { ...config.policy, optimiser: name } } });
  };

  it("weighs KL by the run's coefficient, iteration by iteration", () => {
    const [first, second] = policyDeclines(run());
    assert.deepEqual([first.iteration, first.first, first.last], [1, 1, -0.5]); // 1 − 0.3 · 5
    assert.deepEqual([second.iteration, second.first, second.last], [2, 1, -2]);
  });

  it("waits for the end of the step", () => {
    const unfinished = run({ iteration: 2, stage: "optimisingPolicy" });
    assert.deepEqual(policyDeclines(unfinished).map(({ iteration }) => iteration), [1]);
  });

  it("says nothing of optimisers that do not ascend Eq. (3)", () => {
    assert.equal(policyDeclines(optimiser("ppo")).length, 2);
    assert.deepEqual([optimiser("best-of-n"), optimiser("raft")].flatMap(policyDeclines), []);
  });

  it("stands on the run's page", async () => {
    const config = { preset: "demo", iterations: 1, policy: { steps: 120 } };
    const falling = fabricatedRun({ config }).map((record) =>
      record.type === "PolicyOptimised"
        ? { ...record, data: { ...record.data, reward: -Number(record.data.toStep), kl: 0 } }
        : record
    );
    const page = String(await runPage("tiny-1", falling, { alone: true, hasWriter: true, resume: "" }));
    assert.match(
      page,
      /class="note" data-state="trouble">Iteration 1: the policy step lowered its own objective/,
    );
    const usual = String(
      await runPage("tiny-1", fabricatedRun({ config }), { alone: true, hasWriter: true, resume: "" }),
    );
    assert.doesNotMatch(usual, /lowered its own objective/);
  });
});
