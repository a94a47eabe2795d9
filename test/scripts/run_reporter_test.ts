// What a person sees of a run: every kind of event as a line, progress with the time left, the table and samples.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RUN_EVENTS } from "../../events/mod.ts";
import { PRESETS } from "../../src/irl/presets.ts";
import type { LogRecord } from "../../src/store/event_log.ts";
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

/** A run of six chunks a policy step, each with this reward and a KL of 0.5. */
function policyRun(reward: (data: { toStep: number }) => number): LogRecord[] {
  const policy = { ...PRESETS.tiny.policy, steps: 18 };
  return fabricatedRun({ config: { ...PRESETS.tiny, policy } }).map((record) => {
    if (record.type !== "PolicyOptimised") return record;
    return {
      ...record,
      data: { ...record.data, reward: reward({ toStep: Number(record.data.toStep) }), kl: 0.5 },
    };
  });
}

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

  it("warns after a policy step whose objective fell from chunk to chunk, once and at its end", () => {
    const { reporter, lines } = recorded();
    for (const record of policyRun(({ toStep }) => -0.01 * toStep)) reporter.onRecord(record);
    const warnings = lines.filter((line) => line.startsWith("Warning: "));
    assert.deepEqual(warnings.map((line) => /Iteration \d/.exec(line)?.[0]), ["Iteration 1", "Iteration 2"]);
    assert.match(
      warnings[0],
      /reward - 0\.3 KL, from -0\.180 in its first fifth to -0\.330 in its last\. Were/,
    );
    const place = lines.indexOf(warnings[0]);
    assert.match(lines[place - 1], /PolicyOptimised +iteration 1, steps 16-18 of 18/);
    assert.match(lines[place + 1], /PolicyEvaluated/);
  });

  it("warns of no policy step that raised its objective", () => {
    const { reporter, lines } = recorded();
    for (const record of policyRun(({ toStep }) => 0.01 * toStep)) reporter.onRecord(record);
    assert.ok(!lines.some((line) => line.startsWith("Warning")));
  });

  const policyBeat = (chunk: number, done: number) => ({
    role: "policy-optimizer" as const,
    pid: 1,
    command: `r/2/policy/0/${chunk}`,
    attempt: 1,
    done,
    total: 80,
    unit: "steps",
    metrics: { kl: 0.41234 },
  });

  it("tells how much of a step is done and how long the rest will take", () => {
    const { reporter, progress, pass } = recorded();
    reporter.onBeat(policyBeat(0, 10));
    pass(10_000);
    reporter.onBeat(policyBeat(1, 30)); // 20 steps in 10 seconds: 50 more take 25
    assert.deepEqual(progress, [
      "iteration 2, optimising the policy: 10 of 80 steps, kl 0.412",
      "iteration 2, optimising the policy: 30 of 80 steps, kl 0.412, 25 s left",
    ]);
  });

  it("takes no slow beginning for the pace of the rest", () => {
    const { reporter, progress, pass } = recorded();
    for (const [done, ms] of [[0, 0], [1, 30_000], [2, 500], [5, 1500], [8, 1500]]) {
      pass(ms);
      reporter.onBeat(policyBeat(0, done));
    }
    // Steps 3 to 8 took half a second each.
    assert.match(progress.at(-1) ?? "", /8 of 80 steps, kl 0\.412, 36 s left$/);
  });

  it("measures a step of a minute by the minute, though its beats come every second", () => {
    const { reporter, progress, pass } = recorded();
    for (let second = 0; second <= 180; second++, pass(1000)) {
      reporter.onBeat(policyBeat(0, Math.floor(second / 60)));
    }
    assert.match(progress.at(-1) ?? "", /3 of 80 steps, kl 0\.412, 1 h 17 min left$/);
  });

  it("says nothing about a beat without work", () => {
    const { reporter, progress } = recorded();
    reporter.onBeat({ role: "generator", pid: 1 });
    assert.deepEqual(progress, []);
  });
});
