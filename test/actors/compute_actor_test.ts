// The actors over the memory bus, with computing and time in the test's hand.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type ActorRefFrom, createActor, toPromise } from "xstate";
import { BEAT_INTERVAL_MS, type ComputePort, type Timer } from "../../actors/compute_actor.ts";
import { COMPUTE_ACTORS } from "../../actors/compute_actors.ts";
import { outstanding } from "../../actors/irl_coordinator.ts";
import { type Command, ROLES } from "../../events/mod.ts";
import { BusError, ConfigError, DamageError, NonFiniteError, SchemaError } from "../../src/base/errors.ts";
import type { Progress } from "../../src/base/ports.ts";
import { createMemoryBus, type MemoryBus } from "../../src/bus/memory_bus.ts";
import type { ActorBus, Beat, BusCommand, DeadLetter, ResultDelivery } from "../../src/bus/port.ts";
import type { StepPorts } from "../../src/irl/step_ports.ts";
import { answerTo, openJournal, undisturbedRun } from "./simulated_run.ts";

/** Every command of a small run, by type. */
const COMMANDS = new Map<string, Command>();
const journal = openJournal();
for (const event of undisturbedRun().events) {
  journal.appendAlone(event);
  for (const command of outstanding(journal.state)) COMMANDS.set(command.type, command);
}

function commandOf(type: Command["type"]): Command {
  const command = COMMANDS.get(type);
  assert.ok(command !== undefined);
  return command;
}

/** A timer that the test turns. */
class ManualTimer implements Timer {
  readonly callbacks = new Set<() => void>();
  every(intervalMs: number, callback: () => void): () => void {
    assert.equal(intervalMs, BEAT_INTERVAL_MS);
    this.callbacks.add(callback);
    return () => this.callbacks.delete(callback);
  }
  tick(): void {
    for (const callback of this.callbacks) callback();
  }
}

interface Work {
  command: Command;
  progress(progress: Progress): void;
  finish(outcome: { data: unknown; meta: Record<string, number> }): void;
  fail(error: unknown): void;
}

/** Computing that waits for the test to say how it ends. */
class ManualCompute implements ComputePort {
  #waiting: ((work: Work) => void)[] = [];
  #begun: Work[] = [];

  run(
    command: Command,
    progress: (progress: Progress) => void,
  ): Promise<{ data: unknown; meta: Record<string, number> }> {
    return new Promise((finish, fail) => {
      const work = { command, progress, finish, fail };
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#begun.push(work);
      else waiting(work);
    });
  }

  /** The work that the actor begins next. */
  next(): Promise<Work> {
    const begun = this.#begun.shift();
    return begun === undefined
      ? new Promise((resolve) => this.#waiting.push(resolve))
      : Promise.resolve(begun);
  }
}

type Actor = ActorRefFrom<typeof COMPUTE_ACTORS.generator.machine>;

interface Stage extends AsyncDisposable {
  bus: MemoryBus;
  actorBus: ActorBus;
  compute: ManualCompute;
  timer: ManualTimer;
  actor: Actor;
  beats: Beat[];
  letters: DeadLetter[];
  /** The next result that the coordinator's side receives. */
  result(): Promise<ResultDelivery>;
}

/** A running generator. */
function openStage(change: (bus: ActorBus) => ActorBus = (bus) => bus): Stage {
  const bus = createMemoryBus();
  const actorBus = change(bus.actor("generator"));
  const compute = new ManualCompute(), timer = new ManualTimer();
  const beats: Beat[] = [], letters: DeadLetter[] = [];
  bus.coordinator.onBeat((beat) => beats.push(beat));
  bus.coordinator.onDeadLetter((letter) => letters.push(letter));
  const abort = new AbortController();
  const results = bus.coordinator.results(abort.signal)[Symbol.asyncIterator]();
  const input = { bus: actorBus, compute, timer, pid: 42 };
  const actor = createActor(COMPUTE_ACTORS.generator.machine, { input }).start();
  return {
    bus,
    actorBus,
    compute,
    timer,
    actor,
    beats,
    letters,
    async result() {
      const { value, done } = await results.next();
      assert.ok(!done);
      return value;
    },
    async [Symbol.asyncDispose]() {
      actor.send({ type: "Stop" });
      abort.abort();
      await actorBus.close();
      await bus.coordinator.close();
    },
  };
}

/** The same bus, for a test that changes one method. */
function forwarding(bus: ActorBus): ActorBus {
  return {
    next: (signal) => bus.next(signal),
    report: (result) => bus.report(result),
    beat: (beat) => bus.beat(beat),
    close: () => bus.close(),
  };
}

function publish({ bus }: Stage, ...commands: BusCommand[]): Promise<void> {
  return bus.coordinator.publish(commands);
}

const sampling = commandOf("SampleGenerations");
const answer = answerTo(sampling);

describe("a compute actor", () => {
  it("takes a command of its role, computes it, and reports the event's data with the attempt", async () => {
    await using stage = openStage();
    await publish(stage, sampling);
    const work = await stage.compute.next();
    assert.deepEqual(work.command, sampling);
    work.finish({ data: answer.data, meta: { seconds: 1.5 } });
    const { result, ack } = await stage.result();
    assert.deepEqual(result, { ...answer, attempt: 1, meta: { seconds: 1.5 } });
    await ack();
  });

  it("does one command after another", async () => {
    await using stage = openStage();
    const second = { ...sampling, attempt: 2 };
    await publish(stage, sampling, second);
    for (const command of [sampling, second]) {
      const work = await stage.compute.next();
      assert.equal(work.command.attempt, command.attempt);
      work.finish({ data: answer.data, meta: {} });
      await (await stage.result()).ack();
    }
  });

  it("keeps the command until the bus holds the answer", async () => {
    const order: string[] = [];
    await using stage = openStage((bus) => ({
      ...forwarding(bus),
      next: async (signal) => {
        const delivery = await bus.next(signal);
        return delivery && {
          ...delivery,
          ack: () => {
            order.push("ack");
            return delivery.ack();
          },
        };
      },
      report: (result) => {
        order.push("report");
        return bus.report(result);
      },
    }));
    await publish(stage, sampling, { ...sampling, attempt: 2 });
    (await stage.compute.next()).finish({ data: answer.data, meta: {} });
    await stage.compute.next();
    assert.deepEqual(order, ["report", "ack"]);
  });

  for (
    const [error, reason] of [
      [new Error("Out of memory"), "error"],
      [new ConfigError("Give more demonstrations"), "refused-input"],
      [new SchemaError("Add the field"), "refused-input"],
      [new NonFiniteError("The loss is NaN"), "non-finite"],
      [new DamageError("Restore it", { file: "artifact" }), "artifact-damaged"],
    ] as const
  ) {
    it(`answers a thrown ${error.name} with StepFailed, reason "${reason}", and goes on`, async () => {
      await using stage = openStage();
      await publish(stage, sampling);
      (await stage.compute.next()).fail(error);
      const { result, ack } = await stage.result();
      assert.deepEqual(result, {
        type: "StepFailed",
        id: sampling.id,
        attempt: 1,
        meta: {},
        data: {
          v: 1,
          iteration: sampling.iteration,
          step: "generate",
          shard: sampling.shard,
          chunk: 0,
          attempt: 1,
          reason,
          message: error.message,
        },
      });
      await ack();
      await publish(stage, { ...sampling, attempt: 2 });
      assert.equal((await stage.compute.next()).command.attempt, 2);
    });
  }

  it("cuts a failure's message to what the event holds", async () => {
    await using stage = openStage();
    await publish(stage, sampling);
    (await stage.compute.next()).fail(new Error("x".repeat(5000)));
    const { result } = await stage.result();
    assert.partialDeepStrictEqual(result, { data: { message: "x".repeat(2000) } });
  });

  it("answers data that do not fit the event's schema with StepFailed that names the field", async () => {
    await using stage = openStage();
    await publish(stage, sampling);
    (await stage.compute.next()).finish({ data: { ...answer.data, finishedShare: NaN }, meta: {} });
    const { result } = await stage.result();
    assert.match(JSON.stringify(result), /its result is invalid: data\.finishedShare/);
  });

  it("rejects what is not a command, for example a newer one, and takes the next", async () => {
    await using stage = openStage();
    await publish(stage, { ...sampling, v: 2 }, { ...sampling, attempt: 2 });
    assert.equal((await stage.compute.next()).command.attempt, 2);
    assert.deepEqual(stage.letters.map(({ from }) => from), ["commands"]);
    assert.match(stage.letters[0].reason, /^v: /);
  });

  it("rejects a command of another actor, and takes the next", async () => {
    const reasons: string[] = [];
    await using stage = openStage((bus) => ({
      ...forwarding(bus),
      next: async (signal) => {
        if (reasons.length > 0) return await bus.next(signal);
        const reject = (reason: string) => Promise.resolve(void reasons.push(reason));
        return { command: commandOf("LearnReward"), working() {}, ack: () => Promise.resolve(), reject };
      },
    }));
    await publish(stage, sampling);
    assert.deepEqual((await stage.compute.next()).command, sampling);
    assert.deepEqual(reasons, ["not a command of this actor: LearnReward"]);
  });

  it("beats at the start of a command, at every progress and at every tick, and not afterwards", async () => {
    await using stage = openStage();
    await publish(stage, sampling);
    const work = await stage.compute.next();
    const beat = { role: "generator", pid: 42, command: sampling.id, attempt: 1 };
    assert.deepEqual(stage.beats, [beat]);
    const progress: Progress = { done: 3, total: 8, unit: "rows", metrics: { finished: 1 } };
    work.progress(progress);
    stage.timer.tick();
    assert.deepEqual(stage.beats.slice(1), [{ ...beat, ...progress }, { ...beat, ...progress }]);
    work.finish({ data: answer.data, meta: {} });
    await (await stage.result()).ack();
    assert.equal(stage.timer.callbacks.size, 0);
  });

  it("stops while it waits for a command", async () => {
    await using stage = openStage();
    stage.actor.send({ type: "Stop" });
    assert.equal(await toPromise(stage.actor), null);
    assert.equal(stage.actor.getSnapshot().value, "stopped");
  });

  it("stops while it works: no more beats, no answer, and the command goes to another worker", async () => {
    await using stage = openStage();
    await publish(stage, sampling);
    const work = await stage.compute.next();
    stage.actor.send({ type: "Stop" });
    assert.equal(stage.actor.getSnapshot().value, "stopped");
    assert.equal(stage.timer.callbacks.size, 0);
    const numBeats = stage.beats.length;
    work.progress({ done: 1, total: 2, unit: "rows" });
    work.finish({ data: answer.data, meta: {} });
    assert.equal(stage.beats.length, numBeats);
    await stage.actorBus.close();
    const other = stage.bus.actor("generator");
    assert.deepEqual((await other.next(new AbortController().signal))?.command, sampling);
    await other.close();
  });

  it("stops when the bus ends", async () => {
    await using stage = openStage();
    await stage.bus.coordinator.close();
    assert.equal(await toPromise(stage.actor), null);
  });

  it("fails with the bus's error when the answer cannot be reported", async () => {
    await using stage = openStage((bus) => ({
      ...forwarding(bus),
      report: () => Promise.reject(new BusError("Start the bus again: it is gone")),
    }));
    await publish(stage, sampling);
    (await stage.compute.next()).finish({ data: answer.data, meta: {} });
    assert.deepEqual(await toPromise(stage.actor), {
      name: "BusError",
      message: "Start the bus again: it is gone",
    });
    assert.equal(stage.actor.getSnapshot().value, "failed");
  });

  it("fails with the bus's error when no command can be taken", async () => {
    await using stage = openStage((bus) => ({
      ...forwarding(bus),
      next: () => Promise.reject(new BusError("Start the bus again: it is gone")),
    }));
    assert.partialDeepStrictEqual(await toPromise(stage.actor), { name: "BusError" });
  });
});

describe("COMPUTE_ACTORS", () => {
  it("has one actor a role, and together they take every command, as it is addressed", () => {
    for (const role of ROLES) assert.equal(COMPUTE_ACTORS[role].role, role);
    for (const command of COMMANDS.values()) {
      assert.ok(COMPUTE_ACTORS[command.role].takes.includes(command.type));
    }
    const takes = ROLES.flatMap((role) => COMPUTE_ACTORS[role].takes);
    assert.deepEqual(takes.toSorted(), [...COMMANDS.keys()].toSorted());
  });

  it("work() refuses a command of another actor", async () => {
    const learning = commandOf("LearnReward");
    const untouched = () => {
      throw new Error("The work is refused before it touches a port");
    };
    const ports: StepPorts = {
      progress: untouched,
      artifacts: { put: untouched, get: untouched, has: untouched },
      tier: {
        name: "cpu",
        variant: "none",
        threads: 1,
        engine: "none",
        compile: untouched,
        compileWithState: untouched,
        openState: untouched,
        lanes: 1,
        dispose: untouched,
      },
    };
    for (const role of ROLES.filter((role) => role !== learning.role)) {
      await assert.rejects(COMPUTE_ACTORS[role].work(learning, ports), {
        message: `Send LearnReward to "reward-learner": "${role}" does not do it`,
      });
    }
    await assert.rejects(COMPUTE_ACTORS["reward-learner"].work(sampling, ports), /Send SampleGenerations to/);
  });

  it("imports no tensor library: only types and plain arithmetic come from outside the events and the base", async () => {
    const folder = new URL("../../actors/", import.meta.url);
    const allowed = /^(xstate|\.\/|\.\.\/events\/|\.\.\/src\/base\/|\.\.\/src\/irl\/plan_steps\.ts$)/;
    for await (const { name } of Deno.readDir(folder)) {
      const source = await Deno.readTextFile(new URL(name, folder));
      for (const [, from] of source.matchAll(/^import (?!type )[^;]*? from "([^"]+)";/gm)) {
        assert.match(from, allowed, `${name} imports ${from}`);
      }
    }
  });
});
