// Who makes progress and who has stalled, by a clock that stands still until it is moved.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { outstanding } from "../../actors/irl_coordinator.ts";
import type { Command, Role } from "../../events/mod.ts";
import { ProgressWatch } from "../../scripts/progress_watch.ts";
import { replayRun } from "../../scripts/replay_run.ts";
import { fabricatedRun } from "../support/fabricated_run.ts";

const records = fabricatedRun();
const generating = commandsAfter("IterationCompleted");
const tuning = commandsAfter("DemonstrationsLoaded");

function commandsAfter(type: string): Command[] {
  const until = records.find((record) => record.type === type)?.seq;
  return outstanding(replayRun(records, { until }).state);
}

function watched(stallMs = 1000) {
  let nowMs = 0;
  const watch = new ProgressWatch({ iso: () => "", elapsedMs: () => nowMs }, stallMs);
  const beat = ({ id: command, attempt, role }: Command, done: number) =>
    watch.onBeat({ role, pid: 1, command, attempt, done, total: 9 });
  return { watch, beat, pass: (ms: number) => void (nowMs += ms) };
}

describe("ProgressWatch", () => {
  it("calls a role stalled that has work and shows no progress, beats or not", () => {
    const { watch, beat, pass } = watched();
    const [command] = tuning;
    for (let i = 0; i < 10; i++) {
      pass(100);
      beat(command, 3);
      assert.deepEqual(watch.stalled(tuning), []);
    }
    pass(200);
    beat(command, 3);
    assert.deepEqual(watch.stalled(tuning), [command]);
  });

  it("counts from the last progress", () => {
    const { watch, beat, pass } = watched();
    for (let done = 0; done < 30; done++) {
      pass(900);
      beat(tuning[0], done);
      assert.deepEqual(watch.stalled(tuning), []);
    }
  });

  it("never calls a role stalled that has nothing to do, and counts from when it gets something", () => {
    const { watch, pass } = watched();
    pass(5000);
    assert.deepEqual(watch.stalled([]), []);
    assert.deepEqual(watch.stalled(tuning), []);
    pass(1001);
    assert.deepEqual(watch.stalled(tuning), tuning);
  });

  it("names the command that the last beat named, not those that wait behind it", () => {
    const { watch, beat, pass } = watched();
    const [, second] = generating;
    beat(second, 0);
    pass(1001);
    assert.deepEqual(watch.stalled(generating), [second]);
    assert.equal(watch.inHand(second.role, generating), second);
  });

  it("names the next command of a role whose actor ended before its first beat", () => {
    const { watch } = watched();
    assert.equal(watch.inHand("generator", generating), generating[0]);
    assert.equal(watch.inHand("evaluator", generating), undefined);
  });

  it("forgets what an actor had in hand when it starts anew", () => {
    const { watch, beat, pass } = watched();
    const role: Role = "generator";
    beat(generating[1], 5);
    pass(900);
    watch.onChange(role);
    pass(900);
    assert.deepEqual(watch.stalled(generating), []);
    assert.equal(watch.inHand(role, generating), generating[0]);
  });
});
