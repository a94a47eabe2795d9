// The shell around the fold, over memory bus and memory log: what it does with results that are late, foreign or malformed,
// and that nothing is published before it is durable.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { initialState } from "../../actors/irl_coordinator.ts";
import { failureResult } from "../../actors/compute_result.ts";
import { Command, type Role } from "../../events/mod.ts";
import { createMemoryBus } from "../../src/bus/memory_bus.ts";
import type { ActorBus, DeadLetter } from "../../src/bus/port.ts";
import type { LogRecord, NewRecord } from "../../src/store/event_log.ts";
import { openMemoryLog } from "../../src/store/memory_log.ts";
import { CoordinatorShell } from "../../scripts/coordinator_shell.ts";
import { answerTo, openingEvents, simulatedConfig } from "../actors/simulated_run.ts";

/** A shell that has recorded the opening events, its log of writes, and an actor's side. */
async function opened() {
  const memory = createMemoryBus(), { log } = openMemoryLog("simulated");
  const writes: string[][] = [], letters: DeadLetter[] = [];
  const watched = {
    ...log,
    get run() {
      return log.run;
    },
    get sequence() {
      return log.sequence;
    },
    get head() {
      return log.head;
    },
    append(records: readonly NewRecord[], sequence: number): readonly LogRecord[] {
      writes.push(records.map(({ type }) => type));
      return log.append(records, sequence);
    },
    close: () => log.close(),
  };
  memory.coordinator.onDeadLetter((letter) => letters.push(letter));
  const shell = new CoordinatorShell(initialState(), {
    log: watched,
    bus: memory.coordinator,
    clock: { iso: () => "2026-11-24T10:00:00.000Z", elapsedMs: () => 0 },
    onRecord: () => {},
  });
  await shell.record(openingEvents({ config: simulatedConfig({ iterations: 0 }) }));
  return { shell, writes, letters, memory, actor: (role: Role) => memory.actor(role) };
}

async function take(bus: ActorBus): Promise<{ command: Command; ack(): Promise<void> }> {
  const delivery = await bus.next(AbortSignal.timeout(2000));
  assert.ok(delivery, "no command came");
  return { command: Command.parse(delivery.command), ack: () => delivery.ack() };
}

/** The result of a command, as its actor reports it. */
function resultFor(command: Command) {
  const { type, id, data } = answerTo(command);
  return { type, id, attempt: command.attempt, data, meta: { seconds: 1 } };
}

describe("CoordinatorShell", () => {
  it("records the opening events in one write, and publishes the first command", async () => {
    const { shell, writes, actor } = await opened();
    assert.deepEqual(writes, [["RunStarted", "DemonstrationsLoaded"]]);
    const { command } = await take(actor("policy-optimizer"));
    assert.equal(command.type, "TuneSupervised");
    assert.deepEqual(shell.outstanding, [command]);
  });

  it("takes a run to its end, each event in one write with what follows from it", async () => {
    const { shell, writes, actor } = await opened();
    const ending = shell.takeResults(new AbortController().signal);
    const workers = (["policy-optimizer", "evaluator"] as const).map(async (role) => {
      const bus = actor(role);
      for (let step = 0; step < (role === "evaluator" ? 1 : 3); step++) {
        const { command, ack } = await take(bus);
        await bus.report(resultFor(command));
        await ack();
      }
    });
    await Promise.all([ending, ...workers]);
    assert.ok(shell.isResting);
    assert.deepEqual(writes.slice(1), [
      ["SupervisedTuned"],
      ["SupervisedTuned"],
      ["SupervisedTuned"],
      ["PolicyEvaluated", "IterationCompleted", "RunCompleted"],
    ]);
  });

  it("drops duplicates and results of nothing it asked for, and buries what is no result", async () => {
    const { shell, writes, letters, actor } = await opened();
    const stopping = new AbortController(), ending = shell.takeResults(stopping.signal);
    const bus = actor("policy-optimizer");
    const { command, ack } = await take(bus);
    const result = resultFor(command);
    await bus.report({ ...result, id: "other/0/sft/0/0" });
    await bus.report({ id: command.id, attempt: 1, type: "Nonsense" });
    await bus.report(result);
    await bus.report(result);
    await ack();
    await take(bus);
    await bus.report(result);
    await new Promise((resolve) => setTimeout(resolve, 20));
    stopping.abort();
    await ending;
    assert.deepEqual(writes.slice(1), [["SupervisedTuned"]]);
    assert.equal(letters.length, 1);
    assert.match(letters[0].reason, /^not a result/);
  });

  it("records a failure and its retry in one write, and asks again with the next attempt and the same key", async () => {
    const { shell, writes, actor } = await opened();
    const stopping = new AbortController(), ending = shell.takeResults(stopping.signal);
    const bus = actor("policy-optimizer");
    const { command, ack } = await take(bus);
    await bus.report(failureResult(command, new Error("Something broke")));
    await ack();
    const { command: again } = await take(bus);
    assert.deepEqual(again, { ...command, attempt: 2 });
    assert.deepEqual(writes[1], ["StepFailed", "StepRetried"]);
    stopping.abort();
    await ending;
  });

  it("takes the answer of an attempt that was given up, and withdraws the newer one", async () => {
    const { shell, writes, actor } = await opened();
    const stopping = new AbortController(), ending = shell.takeResults(stopping.signal);
    const bus = actor("policy-optimizer");
    const { command } = await take(bus);
    await shell.failAttempt(command, "The policy-optimizer was killed");
    await bus.report(resultFor(command));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await bus.close();
    const { command: next } = await take(actor("policy-optimizer"));
    assert.equal(next.chunk, 1);
    assert.deepEqual(writes.slice(1), [["StepFailed", "StepRetried"], ["SupervisedTuned"]]);
    stopping.abort();
    await ending;
  });

  it("publishes nothing when the write fails, and adopts nothing", async () => {
    const memory = createMemoryBus(), { log } = openMemoryLog("simulated");
    const state = initialState();
    const shell = new CoordinatorShell(state, {
      log: {
        run: "simulated",
        sequence: 0,
        head: log.head,
        append() {
          throw Object.assign(new Error("Free the disk"), { name: "WriteError" });
        },
        close: () => {},
      },
      bus: memory.coordinator,
      clock: { iso: () => "2026-11-24T10:00:00.000Z", elapsedMs: () => 0 },
      onRecord: () => assert.fail("told about what is not recorded"),
    });
    await assert.rejects(shell.record(openingEvents()), /Free the disk/);
    assert.equal(shell.state, state);
    assert.equal(await memory.actor("policy-optimizer").next(AbortSignal.timeout(20)), undefined);
  });
});
