// `report --json`: its exact form at the end of a run, and its form at every event before.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { projectReport, Report } from "../../../src/status/report.ts";
import { type FabricatedIncident, fabricatedRun } from "../../support/fabricated_run.ts";
import { fabricatedDigest } from "../../support/fabricated_answers.ts";

const outcome = "ab".repeat(32);
const incidents: FabricatedIncident[] = [
  { kind: "failure", iteration: 1, command: "SampleGenerations" },
  { kind: "stall", iteration: 0, command: "TuneSupervised" },
  { kind: "pause", iteration: 1, command: "OptimisePolicy" },
  { kind: "run-failure", iteration: 1, command: "EvaluatePolicy" },
];
const records = fabricatedRun({
  incidents,
  config: { preset: "tiny", seed: 5, iterations: 1, policy: { steps: 40 } },
});

function hashOf(name: string): string {
  return fabricatedDigest(name).replace("sha256:", "");
}

describe("projectReport()", () => {
  it("gives the numbers of a whole run in the fixed form", () => {
    assert.deepEqual(projectReport(records, { outcome }), {
      run: "tiny-1",
      preset: "tiny",
      seed: 5,
      state: "done",
      tier: "native",
      threads: 2,
      digests: { log: records.at(-1)?.hash, outcome, policy: hashOf("policy 1"), reward: hashOf("reward 1") },
      demonstrations: {
        negativeLogLikelihood: 1.69,
        meanLength: 20.9,
        distinct2: 0.334,
        slotErrorRate: { sampled: 0, tempered: 0, greedy: 0 },
        exactShare: { sampled: 1, tempered: 1, greedy: 1 },
      },
      sft: {
        negativeLogLikelihood: 1.69,
        meanLength: 20.4,
        distinct2: 0.312,
        klToSft: 0,
        slotErrorRate: { sampled: 0.35, tempered: 0.08, greedy: 0.037 },
        exactShare: { sampled: 0.3, tempered: 0.768, greedy: 0.8742 },
      },
      iterations: [{
        iteration: 1,
        policy: {
          negativeLogLikelihood: 1.693,
          meanLength: 20.2,
          distinct2: 0.301,
          klToSft: 3.1,
          slotErrorRate: { sampled: 0.2949, tempered: 0.0643, greedy: 0.0295 },
          exactShare: { sampled: 0.4102, tempered: 0.8136, greedy: 0.8996 },
        },
        reward: { heldOutPairAccuracy: 0.707, goldPairAccuracy: 0.715, calibration: 0.57, margin: 0.4706 },
        budget: {
          // 2000 demonstrations x 4 negatives, 40 updates x 32 prompts x 8 rollouts.
          samples: 8000 + 10_240,
          tokensGenerated: 21 * 8000 + 20 * 10_240,
          // 1800 pairs' demonstrations x 4 negatives in batches of 32: 225 updates.
          tokensTrained: 1400 * 225 + 33 * 10_240,
          updates: 225 + 40,
          seconds: 2 * 9.6 + 2 * 11.4 + 2 * 21.8,
        },
      }],
    });
  });

  it("fits the schema after every event, and holds what is recorded so far", () => {
    records.forEach((record, i) => {
      const report = projectReport(records.slice(0, i + 1), { outcome: null });
      assert.deepEqual(Report.parse(report), report, `event ${record.seq}, ${record.type}`);
      assert.equal(report.digests.log, record.hash);
    });
    const started = projectReport(records.slice(0, 1), { outcome: null });
    assert.deepEqual(
      [started.state, started.demonstrations, started.sft, started.iterations, started.digests.policy],
      ["loading", null, null, [], null],
    );
  });

  it("names the policy of the last completed iteration, not one that is being made", () => {
    const optimised = records.findIndex(({ type }) => type === "PolicyOptimised");
    const { digests } = projectReport(records.slice(0, optimised + 2), { outcome });
    assert.equal(digests.policy, hashOf("policy 0"));
    assert.equal(digests.reward, null);
  });

  it("leaves out gold numbers and adds labelled pairs on own data", () => {
    const report = projectReport(fabricatedRun({ ownData: true }), { outcome });
    assert.equal(report.sft?.slotErrorRate, undefined);
    const [first] = report.iterations;
    assert.equal("goldPairAccuracy" in first.reward, false);
    assert.deepEqual(Object.keys(first.reward.preferenceAccuracy?.bySubset ?? {}), ["chat", "safety"]);
  });

  it("survives JSON unchanged", () => {
    const report = projectReport(records, { outcome });
    assert.deepEqual(Report.parse(JSON.parse(JSON.stringify(report))), report);
  });
});
