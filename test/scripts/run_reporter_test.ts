// What a person sees of a run: every kind of event as a line, progress with the time left, the table and samples.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RUN_EVENTS } from "../../events/mod.ts";
import { renderEvent } from "../../scripts/render_event.ts";
import { createRunReporter } from "../../scripts/run_reporter.ts";
import { fabricatedRun } from "../support/fabricated_run.ts";

const records = fabricatedRun({
  incidents: [
    { kind: "failure", iteration: 1, command: "LearnReward" },
    { kind: "stall", iteration: 1, command: "OptimisePolicy" },
    { kind: "pause", iteration: 2, command: "SampleGenerations" },
    { kind: "run-failure", iteration: 2, command: "EvaluatePolicy" },
  ],
});

function recorded() {
  const lines: string[] = [], progress: string[] = [];
  let nowMs = 0;
  const reporter = createRunReporter({
    terminal: {
      width: 100,
      line: (text) => void lines.push(text),
      progress: (text) => void progress.push(text),
    },
    clock: { iso: () => "", elapsedMs: () => nowMs },
    records: [],
  });
  return { reporter, lines, progress, pass: (ms: number) => void (nowMs += ms) };
}

describe("renderEvent()", () => {
  it("gives every kind of event one line that begins with its number and its name", () => {
    const seen = new Set<string>();
    for (const record of records) {
      const line = renderEvent(record);
      assert.match(line, new RegExp(`^ *${record.seq}  ${record.type} +\\S`));
      assert.ok(!line.includes("\n"));
      seen.add(record.type);
    }
    assert.deepEqual([...seen].sort(), Object.keys(RUN_EVENTS).sort());
  });

  it("says what happened in numbers", () => {
    const line = (type: string) => renderEvent(records.find((record) => record.type === type) ?? records[0]);
    assert.match(
      line("GenerationsSampled"),
      /iteration 1, shard 1: 192 generations, 4\.0k tokens, .998 ended/,
    );
    assert.match(
      line("StepFailed"),
      /iteration 1, learning the reward, attempt 1: actor-exited, Actor reward-learner exited/,
    );
    assert.match(line("StepTimedOut"), /optimising the policy, attempt 1: no progress for 300 s/);
  });

  it("lets no text steer the terminal", () => {
    const failure = records.find(({ type }) => type === "StepFailed");
    assert.ok(failure);
    const evil = { ...failure, data: { ...failure.data, message: "\x1b[31mred\r\nsecond line" } };
    assert.match(renderEvent(evil), /\[31mred$/);
    assert.ok(!renderEvent(evil).includes("\x1b"));
  });
});

describe("createRunReporter()", () => {
  it("prints the table so far and three samples side by side after each iteration", () => {
    const { reporter, lines } = recorded();
    for (const record of records) reporter.onRecord(record);
    const text = lines.join("\n");
    assert.equal(text.match(/^demonstrations /gm)?.length, 3);
    assert.equal(text.match(/^SFT {2}/gm)?.length, 3);
    assert.equal(text.match(/^iteration 2 {2}/gm)?.length, 1);
    assert.equal(text.match(/│ iteration 1$/gm)?.length, 3);
    assert.match(text, /^About .* left for the whole run$/m);
  });

  it("tells how much of a step is done and how long the rest will take", () => {
    const { reporter, progress, pass } = recorded();
    const beat = (chunk: number, done: number) =>
      reporter.onBeat({
        role: "policy-optimizer",
        pid: 1,
        command: `r/2/policy/0/${chunk}`,
        attempt: 1,
        done,
        total: 80,
        unit: "steps",
        metrics: { kl: 0.41234 },
      });
    beat(0, 10);
    pass(10_000);
    beat(1, 30); // 20 steps in 10 seconds: 50 more take 25
    assert.deepEqual(progress, [
      "iteration 2, optimising the policy: 10 of 80 steps, kl 0.412",
      "iteration 2, optimising the policy: 30 of 80 steps, kl 0.412, 25 s left",
    ]);
  });

  it("says nothing about a beat without work", () => {
    const { reporter, progress } = recorded();
    reporter.onBeat({ role: "generator", pid: 1 });
    assert.deepEqual(progress, []);
  });
});
