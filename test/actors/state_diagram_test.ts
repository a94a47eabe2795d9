// The printed diagrams are the machines'.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { COMPUTE_ACTORS } from "../../actors/compute_actors.ts";
import { irlCoordinator } from "../../actors/irl_coordinator.ts";
import { stateDiagram } from "../../actors/state_diagram.ts";

describe("stateDiagram()", () => {
  it("draws the coordinator with every state and every event that moves it", () => {
    assert.equal(
      stateDiagram(irlCoordinator),
      `stateDiagram-v2
  [*] --> idle
  state running {
    [*] --> loading
    loading --> evaluating: DemonstrationsLoaded (tuned already)
    loading --> tuningSupervised: DemonstrationsLoaded
    tuningSupervised --> evaluating: SupervisedTuned (last chunk)
    tuningSupervised --> tuningSupervised: SupervisedTuned (chunk)
    generating --> learningReward: GenerationsSampled (last shard)
    generating --> generating: GenerationsSampled (shard)
    learningReward --> optimisingPolicy: RewardLearned (last chunk)
    learningReward --> learningReward: RewardLearned (chunk)
    optimisingPolicy --> evaluating: PolicyOptimised (last chunk)
    optimisingPolicy --> optimisingPolicy: PolicyOptimised (chunk)
    evaluating --> completingIteration: PolicyEvaluated
    completingIteration --> completingRun: IterationCompleted (last iteration)
    completingIteration --> generating: IterationCompleted (next iteration)
    completingRun --> [*]
  }
  idle --> running: RunStarted
  running --> running: StepFailed, StepTimedOut, StepRetried, RunResumed (after a crash)
  running --> paused: RunPaused
  running --> failed: RunFailed
  running --> done: RunCompleted
  paused --> running: RunResumed
  failed --> running: RunResumed
  done --> [*]
`,
    );
  });

  it("marks the present state", () => {
    const diagram = stateDiagram(irlCoordinator, { present: "learningReward" });
    assert.match(diagram, /\n {2}class learningReward present\n$/);
  });

  it("draws a compute actor by what happens, not by XState's own event names", () => {
    const diagram = stateDiagram(COMPUTE_ACTORS.generator.machine);
    assert.doesNotMatch(diagram, /xstate/);
    assert.match(diagram, /idle --> working: command\n/);
    assert.match(diagram, /reporting --> idle: reported\n/);
  });
});
