// The fold from which report and page are made: the coordinator's states, and the sums.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { evolve, initialState, stateName } from "../../../actors/irl_coordinator.ts";
import { SchemaError } from "../../../src/base/errors.ts";
import { eventOf } from "../../../src/status/run_record.ts";
import { projectRun, secondsLeft } from "../../../src/status/run_projection.ts";
import { type FabricatedIncident, fabricatedRun } from "../../support/fabricated_run.ts";

const incidents: FabricatedIncident[] = [
  { kind: "failure", iteration: 1, command: "LearnReward" },
  { kind: "stall", iteration: 1, command: "OptimisePolicy" },
  { kind: "pause", iteration: 2, command: "EvaluatePolicy" },
  { kind: "run-failure", iteration: 2, command: "LearnReward" },
];
const records = fabricatedRun({ incidents });

describe("projectRun()", () => {
  it("is in the coordinator's state after every event, whatever happened", () => {
    let state = initialState();
    records.forEach((record, i) => {
      state = evolve(state, { ...eventOf(record), run: record.run });
      const run = projectRun(records.slice(0, i + 1));
      assert.equal(run.state, stateName(state), `event ${record.seq}, ${record.type}`);
      assert.equal(run.iteration, state.context.iteration, `event ${record.seq}, ${record.type}`);
    });
    assert.equal(projectRun(records).state, "done");
  });

  it("goes through every type of event in this test", () => {
    assert.equal(new Set(records.map(({ type }) => type)).size, 15);
  });

  it("remembers where a paused or failed run stopped", () => {
    const stoppedAt = (type: string) =>
      projectRun(records.slice(0, records.findIndex((record) => record.type === type) + 1));
    assert.deepEqual([stoppedAt("RunPaused").state, stoppedAt("RunPaused").stage], ["paused", "evaluating"]);
    const failed = stoppedAt("RunFailed");
    assert.deepEqual([failed.state, failed.stage], ["failed", "learningReward"]);
    assert.match(failed.troubles.at(-1)?.message ?? "", /NaN/);
  });

  it("tells the troubles of the step under way, and forgets them when it succeeds", () => {
    const failed = records.findIndex(({ type }) => type === "StepFailed");
    const troubled = projectRun(records.slice(0, failed + 2));
    assert.deepEqual(troubled.troubles, [
      { step: "reward", attempt: 1, message: "Actor reward-learner exited with code 137" },
    ]);
    assert.equal(projectRun(records.slice(0, failed + 3)).troubles.length, 0);
    const run = projectRun(records);
    assert.deepEqual([run.numFailures, run.numResumes], [2, 2]);
  });

  it("adds up what learning cost, without evaluation", () => {
    const { budget, seconds } = projectRun(records).iterations[1];
    // Preset tiny: 192 demonstrations x 2 negatives, 6 updates x 8 prompts x 4 rollouts.
    assert.equal(budget.samples, 192 * 2 + 6 * 8 * 4);
    assert.equal(budget.tokensGenerated, 21 * 384 + 20 * 192);
    // Reward: 20 updates in chunks of 10; policy: 6.
    assert.equal(budget.updates, 20 + 6);
    assert.equal(budget.tokensTrained, 1400 * 20 + 33 * 192);
    assert.ok(Math.abs(budget.seconds - (2 * 9.6 + 2 * 11.4 + 2 * 21.8)) < 1e-9);
    assert.ok(Math.abs(seconds - (budget.seconds + 6.1)) < 1e-9);
  });

  it("tells how far the step under way is", () => {
    const progressAfter = (type: string) =>
      projectRun(records.slice(0, records.findIndex((record) => record.type === type) + 1)).progress;
    assert.deepEqual(progressAfter("SupervisedTuned"), { done: 24, total: 48, unit: "steps" });
    assert.deepEqual(progressAfter("GenerationsSampled"), { done: 1, total: 2, unit: "shards" });
    assert.equal(progressAfter("PolicyEvaluated"), undefined);
  });

  it("counts the steps of curves over all iterations", () => {
    const { policyCurve, rewardCurve, supervisedCurve } = projectRun(records);
    assert.deepEqual(policyCurve.map(({ iteration, step }) => [iteration, step]), [[1, 3], [1, 6], [2, 9], [
      2,
      12,
    ]]);
    assert.deepEqual(rewardCurve.map(({ step }) => step), [10, 20, 30, 40]);
    assert.deepEqual(supervisedCurve.map(({ step }) => step), [24, 48]);
  });

  it("refuses a log that does not begin with RunStarted", () => {
    assert.throws(() => projectRun([]), SchemaError);
    assert.throws(() => projectRun(records.slice(1)), SchemaError);
  });

  it("refuses an event that this version does not know, and names it", () => {
    const later = { ...records[1], type: "RunForked" };
    assert.throws(() => projectRun([records[0], later]), /Event 2 of "tiny-1".*RunForked/);
  });

  it("fills in what an older configuration did not have yet", () => {
    const [first] = fabricatedRun();
    const old = { ...first, data: { ...first.data, config: { seed: 7 } } };
    assert.equal(projectRun([old]).config.generation.shards, 2);
  });
});

describe("secondsLeft()", () => {
  const plain = fabricatedRun({ config: { iterations: 3 } });
  const upTo = (type: string, iteration: number) =>
    plain.slice(
      0,
      plain.findIndex((record) => record.type === type && record.data.iteration === iteration) + 1,
    );

  it("is not known before an iteration is complete, nor when the run is done", () => {
    assert.equal(secondsLeft(projectRun(upTo("PolicyEvaluated", 1))), undefined);
    assert.equal(secondsLeft(projectRun(plain)), undefined);
  });

  it("takes what is left of the iterations at the mean of those so far", () => {
    const one = projectRun(upTo("IterationCompleted", 1)), seconds = one.iterations[1].seconds;
    assert.equal(secondsLeft(one), 2 * seconds);
    const shard = projectRun(upTo("GenerationsSampled", 2));
    assert.ok(Math.abs((secondsLeft(shard) ?? 0) - (2 * seconds - 9.6)) < 1e-9);
  });
});
