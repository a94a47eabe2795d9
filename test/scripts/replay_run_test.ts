// Replay accepts what today's code would have done, and names the first event where it would have done otherwise.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  commandsDigest,
  consequences,
  initialState,
  outstanding,
  stateName,
} from "../../actors/irl_coordinator.ts";
import { readEvent, type RunEvent } from "../../events/mod.ts";
import { canonicalJson } from "../../src/base/canonical.ts";
import { ReplayMismatchError, SchemaError } from "../../src/base/errors.ts";
import { replayRun } from "../../scripts/replay_run.ts";
import type { LogRecord, NewRecord } from "../../src/store/event_log.ts";
import { scanLog } from "../../src/store/log_codec.ts";
import { openMemoryLog } from "../../src/store/memory_log.ts";
import {
  answerTo,
  artifact,
  failureOf,
  logOf,
  openingEvents,
  openJournal,
  resumeOf,
  simulatedConfig,
  undisturbedRun,
} from "../actors/simulated_run.ts";

const DIGEST = "f".repeat(64);

/** The records with some of them changed; the chain of hashes is made anew, so that only replay can notice. */
function logWith(
  records: readonly NewRecord[],
  changes: Record<number, Partial<NewRecord>>,
): readonly LogRecord[] {
  const changed = records.map((record, index) => ({ ...record, ...changes[index + 1] }));
  return openMemoryLog("simulated").log.append(changed, 0);
}

function mismatchAt(sequence: number, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ReplayMismatchError, String(error));
    assert.equal(error.sequence, sequence);
    assert.match(error.message, message);
    return true;
  };
}

/** Tuning whose first chunk fails twice, then goes on. */
function troubledRun() {
  const journal = openJournal();
  for (const event of openingEvents({ maxAttempts: 3 })) journal.append(event);
  for (let times = 0; times < 2; times++) {
    journal.append(failureOf(journal.state, outstanding(journal.state)[0]));
  }
  journal.append(answerTo(outstanding(journal.state)[0]));
  return journal;
}

async function goldenLog(name: string): Promise<LogRecord[]> {
  return scanLog(await Deno.readFile(new URL(`../golden/logs/${name}`, import.meta.url)), name).records;
}

describe("replayRun()", () => {
  it("folds a whole run to its end, with nothing outstanding", () => {
    const journal = undisturbedRun();
    const replay = replayRun(logOf(journal));
    assert.equal(stateName(replay.state), "done");
    assert.deepEqual(replay.outstanding, []);
    assert.equal(replay.events, journal.events.length);
    assert.deepEqual(replay.state.context, journal.state.context);
  });

  it("folds nothing from an empty log", () => {
    const replay = replayRun([]);
    assert.equal(commandsDigest(replay.state), commandsDigest(initialState()));
    assert.equal(replay.events, 0);
  });

  it("stops after the event that `until` names, with what was outstanding then", () => {
    const replay = replayRun(logOf(undisturbedRun()), { until: 7 });
    assert.equal(replay.events, 7);
    assert.equal(stateName(replay.state), "generating");
    assert.deepEqual(replay.outstanding.map(({ type }) => type), ["SampleGenerations", "SampleGenerations"]);
  });

  it("accepts every prefix: a crash can end a log anywhere", () => {
    const records = logOf(troubledRun());
    for (let length = 0; length <= records.length; length++) {
      assert.equal(replayRun(records.slice(0, length)).events, length);
    }
  });

  it("accepts a resume between a cause and its consequence: the crash came between", () => {
    const journal = openJournal();
    for (const event of openingEvents()) journal.append(event);
    journal.appendAlone(failureOf(journal.state, outstanding(journal.state)[0]));
    journal.append(resumeOf(journal.state));
    assert.equal(replayRun(logOf(journal)).events, journal.events.length);
  });

  it("keeps commands as recorded when a newer schema has a field that the log does not know", () => {
    const [started, loaded] = openingEvents();
    assert.ok(started.type === "RunStarted");
    const { gradientNorm: _added, ...supervised } = simulatedConfig().supervised;
    const data = { ...started.data, config: { ...started.data.config, supervised } };
    const reading = readEvent({ ...started, data });
    assert.ok("value" in reading);
    const journal = openJournal();
    journal.append(reading.value);
    journal.append(loaded);
    const [command] = replayRun(logOf(journal)).outstanding;
    assert.ok(command.type === "TuneSupervised");
    assert.deepEqual(command.settings, supervised);
  });
});

describe("replayRun() refuses", () => {
  it("an event after which other work was asked for", () => {
    const { records } = undisturbedRun();
    for (const sequence of [1, 2, 9, records.length]) {
      const log = logWith(records, { [sequence]: { commands: DIGEST } });
      assert.throws(() => replayRun(log), mismatchAt(sequence, /other work/));
    }
  });

  it("a configuration that would have cut the work into other chunks", () => {
    const { records } = undisturbedRun();
    const [{ data }] = openingEvents();
    assert.ok("config" in data);
    const config = { ...data.config, supervised: { ...data.config.supervised, chunkSteps: 15 } };
    const log = logWith(records, { 1: { data: { ...data, config } } });
    // The first command is outstanding after DemonstrationsLoaded.
    assert.throws(() => replayRun(log), mismatchAt(2, /other work than "simulated\/0\/sft\/0\/0"/));
  });

  it("a retry where today's code lets the run fail", () => {
    const { records, events } = troubledRun();
    const second = events.findLastIndex(({ type }) => type === "StepRetried") + 1;
    const [{ data }] = openingEvents();
    assert.ok("config" in data);
    const config = { ...data.config, supervision: { ...data.config.supervision, maxAttempts: 2 } };
    const log = logWith(records, { 1: { data: { ...data, config } } });
    assert.throws(() => replayRun(log), mismatchAt(second, /records RunFailed .* not StepRetried/));
  });

  it("the end of a run where today's code retries", () => {
    const { records, events } = troubledRun();
    const first = events.findIndex(({ type }) => type === "StepRetried") + 1;
    const failed: RunEvent = {
      type: "RunFailed",
      id: "simulated/0/run-failure/0/0",
      data: { v: 1, step: "sft", message: "Out of memory" },
    };
    const log = logWith(records.slice(0, first), { [first]: failed });
    assert.throws(() => replayRun(log), mismatchAt(first, /records StepRetried .* not RunFailed/));
  });

  it("a completion that is missing", () => {
    const { records, events } = undisturbedRun();
    const completed = events.findIndex(({ type }) => type === "IterationCompleted");
    const log = logWith(records.toSpliced(completed, 1), {});
    assert.throws(() => replayRun(log), mismatchAt(completed + 1, /records IterationCompleted/));
  });

  it("a completion with another policy", () => {
    const { records, state } = undisturbedRun();
    const { reward } = state.context;
    const data = { v: 1, iterations: 2, policy: artifact("another"), reward: reward?.reward };
    const log = logWith(records, { [records.length]: { data } });
    assert.throws(() => replayRun(log), mismatchAt(records.length, /records RunCompleted/));
  });

  it("an event that today's code would have dropped", () => {
    const { records, events } = undisturbedRun();
    const index = events.findIndex(({ type }) => type === "RewardLearned");
    const event = events[index];
    assert.ok(event.type === "RewardLearned");
    const log = logWith(records, { [index + 1]: { data: { ...event.data, key: "0123456789abcdef" } } });
    assert.throws(
      () => replayRun(log),
      mismatchAt(index + 1, /drops RewardLearned "simulated\/1\/reward\/0\/0"/),
    );
  });

  it("an event of a newer version, with the way out, the file and the line", () => {
    const { records, events } = undisturbedRun();
    const log = logWith(records, { 3: { data: { ...events[2].data, v: 2 } } });
    assert.throws(() => replayRun(log, { file: "events.jsonl" }), {
      name: "SchemaError",
      message: "events.jsonl:3: Upgrade to read this log: SupervisedTuned is version 2, known up to 1",
    });
  });

  it("an event of a type that does not exist, and one that its schema refuses", () => {
    const { records, events } = undisturbedRun();
    const unknown = logWith(records, { 3: { type: "SupervisedForgotten" } });
    assert.throws(() => replayRun(unknown), (error) => error instanceof SchemaError && error.line === 3);
    const invalid = logWith(records, { 3: { data: { ...events[2].data, v: 1, loss: "much" } } });
    assert.throws(() => replayRun(invalid), /this is not a SupervisedTuned event: data\.loss/);
  });
});

describe("replayRun() of recorded logs", () => {
  it("tiny_v1.jsonl: done, with the policy and the reward of then", async () => {
    const records = await goldenLog("tiny_v1.jsonl");
    const { state, events, outstanding } = replayRun(records);
    assert.equal(stateName(state), "done");
    assert.deepEqual([outstanding, consequences(state)], [[], []]);
    assert.equal(events, records.length);
    const { policy, reward } = state.context;
    assert.deepEqual(records.at(-1)?.data, { v: 1, iterations: 2, policy, reward: reward?.reward });
  });

  it("eventful_v1.jsonl: a failure, a timeout, a pause, crashes and a failed run on the way to the end", async () => {
    const records = await goldenLog("eventful_v1.jsonl");
    const { state, events } = replayRun(records);
    assert.equal(stateName(state), "done");
    assert.equal(events, records.length);
    assert.deepEqual(state.context.incidents, {
      failure: 3,
      retry: 2,
      pause: 1,
      resume: 4,
      "run-failure": 1,
    });
  });

  it("has one edited decision in it: refused at that event", async () => {
    const records = await goldenLog("eventful_v1.jsonl");
    const retried = records.findIndex(({ type }) => type === "StepRetried");
    const { data } = records[retried];
    const edited = records.with(retried, { ...records[retried], data: { ...data, attempt: 3 } });
    assert.notEqual(canonicalJson(edited), canonicalJson(records));
    assert.throws(() => replayRun(edited), mismatchAt(retried + 1, /records StepRetried/));
  });
});
