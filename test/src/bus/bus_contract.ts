// What every transport of the bus must do: one suite, run by the memory, pipe and NATS implementations.
// Left out: what only one of them can suffer (stray output, a server that restarts); their own tests have that.
// Size: the promises of one port, to be read in one place.
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { BusError, SchemaError } from "../../../src/base/errors.ts";
import type {
  ActorBus,
  Beat,
  BusCommand,
  CommandDelivery,
  CoordinatorBus,
  DeadLetter,
  ResultDelivery,
  Role,
} from "../../../src/bus/port.ts";

/** One run's bus, with the means to hurt it. */
export interface BusHarness {
  coordinator(): CoordinatorBus;
  /** A new worker of the role. */
  actor(role: Role): Promise<ActorBus>;
  /** The worker ends without a word, as by kill -9. */
  kill(actor: ActorBus): Promise<void>;
  /** A new coordinator takes over from one that ended without acknowledging. */
  restartCoordinator(): Promise<void>;
  /** Puts a text into the queue of results that our own code would never send. */
  sendRawResult(text: string): Promise<void>;
  /** How long nothing must happen to be believed never to happen. */
  quietMs: number;
  close(): Promise<void>;
}

export const NEVER = new AbortController().signal;

export function command(role: Role, id: string, attempt = 1): BusCommand {
  return { id, attempt, role, key: "a1" };
}

/** The next command, which must be there or come. */
export async function nextOf(actor: ActorBus): Promise<CommandDelivery> {
  const delivery = await actor.next(NEVER);
  assert.ok(delivery, "wanted a command, the bus has ended");
  return delivery;
}

export function idOf(message: unknown): unknown {
  return typeof message === "object" && message !== null && "id" in message ? message.id : undefined;
}

/** Undefined when no command comes within the time. */
export async function nextWithin(actor: ActorBus, ms: number): Promise<CommandDelivery | undefined> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), ms);
  try {
    return await actor.next(stop.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Works off the role's commands until none comes for `ms`; returns their ids. */
export async function drain(actor: ActorBus, ms: number): Promise<unknown[]> {
  const ids: unknown[] = [];
  for (let open = await nextWithin(actor, ms); open !== undefined; open = await nextWithin(actor, ms)) {
    ids.push(idOf(open.command));
    await open.ack();
  }
  return ids;
}

/** Works off the role's next `count` commands, however long they take to come; returns their ids. */
export async function workOff(actor: ActorBus, count: number): Promise<unknown[]> {
  const ids: unknown[] = [];
  while (ids.length < count) {
    const open = await nextOf(actor);
    ids.push(idOf(open.command));
    await open.ack();
  }
  return ids;
}

/** Reads `count` results and lets `each` settle them. */
export async function readResults(
  bus: CoordinatorBus,
  count: number,
  each: (delivery: ResultDelivery) => Promise<void>,
): Promise<unknown[]> {
  const read: unknown[] = [];
  for await (const delivery of bus.results(NEVER)) {
    read.push(delivery.result);
    await each(delivery);
    if (read.length === count) break;
  }
  return read;
}

/** True when no result comes within the time. */
export async function noResultWithin(bus: CoordinatorBus, ms: number): Promise<boolean> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), ms);
  let none = true;
  for await (const _ of bus.results(stop.signal)) {
    none = false;
    break;
  }
  clearTimeout(timer);
  return none;
}

const acknowledge = (delivery: ResultDelivery) => delivery.ack();
const leave = () => Promise.resolve();

export function busContract(
  name: string,
  open: () => Promise<BusHarness>,
  options: { skip?: string } = {},
): void {
  describe(`bus contract: ${name}`, { skip: options.skip ?? false }, () => {
    let harness: BusHarness;
    let bus: CoordinatorBus;
    beforeEach(async () => {
      harness = await open();
      bus = harness.coordinator();
    });
    afterEach(() => harness.close());

    describe("commands", () => commandCases(() => ({ harness, bus })));
    describe("results", () => resultCases(() => ({ harness, bus })));
    describe("edges", () => edgeCases(() => ({ harness, bus })));
  });
}

/** A registration with Deno itself: its sanitizers see timers and sockets left behind, those of node:test do not. */
export function busLeakCase(
  name: string,
  open: () => Promise<BusHarness>,
  options: { skip?: string } = {},
): void {
  Deno.test({
    name: `close() of the ${name} bus leaves no timer, no socket and no listener behind`,
    ignore: options.skip !== undefined,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      const harness = await open();
      const bus = harness.coordinator();
      const idle = await harness.actor("evaluator"), busy = await harness.actor("generator");
      const waiting = idle.next(NEVER), reading = bus.results(NEVER)[Symbol.asyncIterator]();
      await bus.publish([command("generator", "a"), command("generator", "b")]);
      const held = await nextOf(busy);
      await busy.report({ id: "a", attempt: 1 });
      await held.ack();
      await nextOf(busy);
      await (await reading.next()).value?.ack();
      const ending = reading.next();
      await busy.close();
      await idle.close();
      assert.equal(await waiting, undefined);
      await harness.close();
      assert.equal((await ending).done, true);
    },
  });
}

type Subject = () => { harness: BusHarness; bus: CoordinatorBus };

function commandCases(subject: Subject): void {
  it("publish() gives each role its commands in order, one at a time", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("generator");
    await bus.publish([command("generator", "a"), command("evaluator", "x"), command("generator", "b")]);
    await bus.publish([command("generator", "c")]);
    const first = await nextOf(actor);
    assert.deepEqual(first.command, command("generator", "a"));
    await assert.rejects(actor.next(NEVER), /Acknowledge the open command/);
    await first.ack();
    assert.deepEqual(await drain(actor, harness.quietMs), ["b", "c"]);
    assert.deepEqual(await drain(await harness.actor("evaluator"), harness.quietMs), ["x"]);
  });

  it("next() waits for a command that is published later", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("evaluator");
    const waiting = nextOf(actor);
    await bus.publish([command("evaluator", "late")]);
    const open = await waiting;
    assert.equal(idOf(open.command), "late");
    open.working();
    await open.ack();
  });

  it("next() returns undefined after abort, and the next call gets the command", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("generator");
    assert.equal(await nextWithin(actor, harness.quietMs), undefined);
    assert.equal(await actor.next(AbortSignal.abort()), undefined);
    await bus.publish([command("generator", "a")]);
    assert.deepEqual(await drain(actor, harness.quietMs), ["a"]);
  });

  it("next() of another worker gets the command of one that died, before later ones", async () => {
    const { harness, bus } = subject();
    await bus.publish([command("generator", "a"), command("generator", "b")]);
    const dying = await harness.actor("generator");
    assert.equal(idOf((await nextOf(dying)).command), "a");
    await harness.kill(dying);
    assert.deepEqual(await workOff(await harness.actor("generator"), 2), ["a", "b"]);
  });

  it("close() of an actor gives its open command back at once", async () => {
    const { harness, bus } = subject();
    await bus.publish([command("generator", "a")]);
    const leaving = await harness.actor("generator");
    await nextOf(leaving);
    await leaving.close();
    assert.deepEqual(await drain(await harness.actor("generator"), harness.quietMs), ["a"]);
  });

  it("publish() skips a command with the same id and attempt, and takes a new attempt", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("generator");
    await bus.publish([command("generator", "a"), command("generator", "a")]);
    assert.deepEqual(await drain(actor, harness.quietMs), ["a"]);
    await bus.publish([command("generator", "a"), command("generator", "a", 2)]);
    const open = await nextOf(actor);
    assert.deepEqual(open.command, command("generator", "a", 2));
    await open.ack();
    assert.deepEqual(await drain(actor, harness.quietMs), []);
  });

  it("replace() drops what is not wanted, also from a worker's hands", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("generator");
    await bus.publish([command("generator", "a"), command("generator", "b"), command("evaluator", "x")]);
    const old = await nextOf(actor);
    await bus.replace("generator", [command("generator", "c"), command("generator", "d")]);
    await old.ack();
    assert.deepEqual(await drain(actor, harness.quietMs), ["c", "d"]);
    assert.deepEqual(
      await drain(await harness.actor("evaluator"), harness.quietMs),
      ["x"],
      "other roles are left alone",
    );
  });

  it("replace() keeps wanted commands, in work or waiting, and is idempotent", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("generator");
    await bus.publish([command("generator", "a"), command("generator", "b"), command("generator", "c")]);
    const open = await nextOf(actor);
    const wanted = [command("generator", "a"), command("generator", "c"), command("generator", "d")];
    for (let time = 0; time < 3; time++) await bus.replace("generator", wanted);
    await bus.publish([command("generator", "c")]);
    await open.ack();
    assert.deepEqual(await drain(actor, harness.quietMs), ["c", "d"]);
  });

  it("replace() brings back a command that was done, and publish() one that was dropped", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("generator");
    await bus.publish([command("generator", "a"), command("generator", "b")]);
    await (await nextOf(actor)).ack();
    await bus.replace("generator", [command("generator", "a")]);
    assert.deepEqual(await drain(actor, harness.quietMs), ["a"]);
    await bus.replace("generator", []);
    await bus.publish([command("generator", "a")]);
    assert.deepEqual(await drain(actor, harness.quietMs), ["a"]);
  });
}

function resultCases(subject: Subject): void {
  it("results() gives results in order of arrival, each once when acknowledged", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("generator");
    for (const id of ["a", "b", "c"]) await actor.report({ id, attempt: 1, loss: 0.5 });
    const read = await readResults(bus, 3, acknowledge);
    assert.deepEqual(read, ["a", "b", "c"].map((id) => ({ id, attempt: 1, loss: 0.5 })));
    assert.ok(await noResultWithin(bus, harness.quietMs));
  });

  it("results() gives unacknowledged ones again after a restart of the coordinator, before later ones", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("generator");
    for (const id of ["a", "b", "c"]) await actor.report({ id, attempt: 1 });
    await readResults(bus, 2, (delivery) => idOf(delivery.result) === "a" ? delivery.ack() : leave());
    await harness.restartCoordinator();
    const read = await readResults(harness.coordinator(), 2, acknowledge);
    assert.deepEqual(read.map(idOf), ["b", "c"]);
  });

  it("results() takes one reader at a time and ends on abort", async () => {
    const { bus } = subject();
    const stop = new AbortController();
    const reading = bus.results(stop.signal)[Symbol.asyncIterator]();
    const first = reading.next();
    await assert.rejects(async () => await bus.results(NEVER)[Symbol.asyncIterator]().next(), /one place/);
    stop.abort();
    assert.equal((await first).done, true);
  });

  it("a whole exchange: commands of four roles, each answered and acknowledged", async () => {
    const { harness, bus } = subject();
    const roles: Role[] = ["generator", "reward-learner", "policy-optimizer", "evaluator"];
    await bus.publish(roles.map((role) => command(role, `work of ${role}`)));
    await Promise.all(roles.map(async (role) => {
      const actor = await harness.actor(role);
      const open = await nextOf(actor);
      await actor.report({ id: String(idOf(open.command)), attempt: 1 });
      await open.ack();
      assert.equal(await nextWithin(actor, harness.quietMs), undefined);
    }));
    const read = await readResults(bus, 4, acknowledge);
    assert.deepEqual(read.map(idOf).sort(), roles.map((role) => `work of ${role}`).sort());
  });
}

function edgeCases(subject: Subject): void {
  it("a malformed result becomes a dead letter and stops nothing", async () => {
    const { harness, bus } = subject();
    const letters: DeadLetter[] = [];
    bus.onDeadLetter((letter) => letters.push(letter));
    await harness.sendRawResult('{"id": "broken');
    await (await harness.actor("generator")).report({ id: "good", attempt: 1 });
    assert.deepEqual((await readResults(bus, 1, acknowledge)).map(idOf), ["good"]);
    assert.deepEqual(letters.map(({ from, text }) => ({ from, text })), [{
      from: "results",
      text: '{"id": "broken',
    }]);
    assert.ok(await noResultWithin(bus, harness.quietMs), "the malformed one must not come again");
  });

  it("reject() takes a result or a command out of its queue with the reason", async () => {
    const { harness, bus } = subject();
    const letters: DeadLetter[] = [];
    const both = Promise.withResolvers<void>();
    bus.onDeadLetter((letter) => letters.push(letter) === 2 ? both.resolve() : undefined);
    const actor = await harness.actor("generator");
    await bus.publish([command("generator", "odd"), command("generator", "even")]);
    await (await nextOf(actor)).reject("no such step");
    assert.deepEqual(await drain(actor, harness.quietMs), ["even"]);
    await actor.report({ id: "odd", attempt: 1 });
    await readResults(bus, 1, (delivery) => delivery.reject("unknown field"));
    await both.promise;
    assert.deepEqual(letters.map(({ from, reason }) => [from, reason]).sort(), [
      ["commands", "no such step"],
      ["results", "unknown field"],
    ]);
    assert.ok(await noResultWithin(bus, harness.quietMs));
  });

  it("messages up to 64 KB pass whole; bigger ones are refused and leave nothing behind", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("generator");
    const filling = "ä\n".repeat(15_000);
    await bus.publish([{ ...command("generator", "big"), filling }]);
    const open = await nextOf(actor);
    assert.deepEqual(open.command, { ...command("generator", "big"), filling });
    await actor.report({ id: "big", attempt: 1, filling });
    await open.ack();
    assert.deepEqual(await readResults(bus, 1, acknowledge), [{ id: "big", attempt: 1, filling }]);

    const tooBig = { id: "huge", attempt: 1, filling: "x".repeat(65_536) };
    await assert.rejects(
      bus.publish([command("generator", "a"), { ...tooBig, role: "generator" }]),
      SchemaError,
    );
    await assert.rejects(bus.replace("generator", [{ ...tooBig, role: "generator" }]), SchemaError);
    await assert.rejects(actor.report(tooBig), SchemaError);
    assert.deepEqual(await drain(actor, harness.quietMs), []);
    assert.ok(await noResultWithin(bus, harness.quietMs));
  });

  it("beat() reaches the listeners, without numbers that are not finite", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("policy-optimizer");
    const arrived = Promise.withResolvers<Beat>();
    bus.onBeat((beat) => arrived.resolve(beat));
    const beat: Beat = {
      role: "policy-optimizer",
      pid: 7,
      command: "c",
      attempt: 1,
      done: 3,
      total: 80,
      unit: "steps",
    };
    // Lossy on purpose, so it is sent until one arrives.
    const timer = setInterval(() => actor.beat({ ...beat, metrics: { kl: 0.25, loss: NaN } }), 10);
    assert.deepEqual(await arrived.promise, { ...beat, metrics: { kl: 0.25 } });
    clearInterval(timer);
  });

  it("close() ends reading, and later calls are BusErrors", async () => {
    const { harness, bus } = subject();
    const actor = await harness.actor("generator");
    const reading = bus.results(NEVER)[Symbol.asyncIterator]().next();
    await bus.close();
    assert.equal((await reading).done, true);
    await assert.rejects(bus.publish([command("generator", "a")]), BusError);
    await assert.rejects(bus.replace("generator", []), BusError);
    await bus.close();
    await actor.close();
    await actor.close();
    actor.beat({ role: "generator", pid: 1 });
    assert.equal(await actor.next(NEVER), undefined);
    await assert.rejects(actor.report({ id: "a", attempt: 1 }), BusError);
  });
}
