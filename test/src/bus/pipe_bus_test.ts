// The pipe bus under the suite of all transports, over streams in memory, and what only pipes can suffer:
// other output between the lines, lost lines, children that restart or do not read.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Broker } from "../../../src/bus/broker.ts";
import { MAX_LINE_BYTES } from "../../../src/bus/lines.ts";
import { createPipeActorBus, type PipeActorBus } from "../../../src/bus/pipe_actor_bus.ts";
import { createPipeBus } from "../../../src/bus/pipe_bus.ts";
import type { ActorBus, DeadLetter, Role } from "../../../src/bus/port.ts";
import {
  busContract,
  type BusHarness,
  busLeakCase,
  command,
  drain,
  idOf,
  nextOf,
  nextWithin,
  readResults,
} from "./bus_contract.ts";

const encoder = new TextEncoder();

/** A pipe of one direction that cuts what passes into pieces of another size, as real pipes do. */
function pipe(pieceBytes = 7000): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream<Uint8Array, Uint8Array>(
    {
      transform(chunk, controller) {
        for (let at = 0; at < chunk.length; at += pieceBytes) {
          controller.enqueue(
            chunk.slice(at, at + pieceBytes),
          );
        }
      },
    },
    undefined,
    new ByteLengthQueuingStrategy({ highWaterMark: 65_536 }),
  );
}

interface Child {
  actor: PipeActorBus;
  /** Prints something past the bus. */
  print(text: string): Promise<void>;
  die(): Promise<void>;
}

/** A child process without the process: our actor behind two pipes, whose output other code can write to as well. */
function startChild(
  bus: ReturnType<typeof createPipeBus>,
  role: Role,
  options: { worker?: number; mute?: RegExp } = {},
): Child {
  const input = pipe(), own = pipe(), output = pipe();
  const out = output.writable.getWriter();
  const actor = createPipeActorBus(role, { input: input.readable, output: own.writable }, { askAgainMs: 40 });
  let muted = options.mute;
  const copying = (async () => {
    for await (const chunk of own.readable) {
      const lost = muted?.test(new TextDecoder().decode(chunk)) ?? false;
      if (lost) muted = undefined;
      else await out.write(chunk).catch(() => {});
    }
    await out.close().catch(() => {});
  })();
  bus.attach(role, { input: input.writable, output: output.readable }, { worker: options.worker });
  return {
    actor,
    print: (text) => out.write(encoder.encode(text)),
    die: async () => {
      await out.close().catch(() => {});
      await actor.close();
      await copying;
    },
  };
}

busContract("pipe", openPipe);
busLeakCase("pipe", openPipe);

describe("createPipeBus()", () => {
  it("passes over what a child prints, and shows it", async () => {
    const stray: string[] = [];
    const bus = createPipeBus({ onStrayLine: (role, line) => stray.push(`${role}: ${line}`) });
    const child = startChild(bus, "generator");
    await bus.publish([command("generator", "a"), command("generator", "b")]);
    await child.print('loading\n{"loss": 1}\n{"bus":"unheard of"}\n17\n\n\u0000\u0001\n');
    const open = await nextOf(child.actor);
    await child.print("no end of line");
    await child.actor.report({ id: "a", attempt: 1 });
    await open.ack();
    assert.deepEqual(await drain(child.actor, 20), ["b"]);
    assert.deepEqual((await readResults(bus, 1, (delivery) => delivery.ack())).map(idOf), ["a"]);
    assert.deepEqual(stray, [
      "generator: loading",
      'generator: {"loss": 1}',
      'generator: {"bus":"unheard of"}',
      "generator: 17",
      "generator: \u0000\u0001",
      "generator: no end of line",
    ]);
    await bus.close();
    await child.die();
  });

  it("throws away a line without end and goes on behind it", async () => {
    const letters: DeadLetter[] = [];
    const bus = createPipeBus();
    bus.onDeadLetter((letter) => letters.push(letter));
    const child = startChild(bus, "generator");
    await child.print(`${"x".repeat(MAX_LINE_BYTES + 10)}`);
    await child.print("still the same line\n");
    await child.actor.report({ id: "a", attempt: 1 });
    assert.deepEqual((await readResults(bus, 1, (delivery) => delivery.ack())).map(idOf), ["a"]);
    assert.deepEqual(letters.map(({ reason, text }) => [reason, text]), [[
      "a line without end",
      "x".repeat(256),
    ]]);
    await bus.close();
    await child.die();
  });

  for (const line of ["next", "report", "ack"]) {
    it(`survives the loss of a line: "${line}" is asked again and counts once`, async () => {
      const bus = createPipeBus();
      const child = startChild(bus, "generator", { mute: new RegExp(`"bus":"${line}"`) });
      await bus.publish([command("generator", "a"), command("generator", "b")]);
      const open = await nextOf(child.actor);
      await child.actor.report({ id: "a", attempt: 1 });
      await child.actor.report({ id: "a2", attempt: 1 });
      await open.ack();
      assert.deepEqual(await drain(child.actor, 20), ["b"]);
      const read = await readResults(bus, 2, (delivery) => delivery.ack());
      assert.deepEqual(read.map(idOf), ["a", "a2"]);
      await bus.close();
      await child.die();
    });
  }

  it("attach() of a restarted child takes the command from the one before it, even if that lingers", async () => {
    const bus = createPipeBus();
    const old = startChild(bus, "generator");
    await bus.publish([command("generator", "a")]);
    const open = await nextOf(old.actor);
    const fresh = startChild(bus, "generator");
    assert.deepEqual(await drain(fresh.actor, 20), ["a"]);
    await assert.doesNotReject(open.ack());
    await bus.close();
    await old.die();
    await fresh.die();
  });

  it("close() ends the input of its children, whose next() and report() then end", async () => {
    const bus = createPipeBus();
    const child = startChild(bus, "generator");
    const waiting = child.actor.next(new AbortController().signal);
    await bus.close();
    assert.equal(await waiting, undefined);
    await child.actor.ended;
    await assert.rejects(child.actor.report({ id: "a", attempt: 1 }), /Open the bus again/);
    await child.die();
  });
});

describe("createPipeActorBus()", () => {
  it("drops beats while the coordinator does not read, and blocks on nothing", async () => {
    const stuck = new TransformStream<Uint8Array, Uint8Array>();
    const input = pipe();
    const actor = createPipeActorBus("generator", { input: input.readable, output: stuck.writable });
    for (let count = 0; count < 100; count++) actor.beat({ role: "generator", pid: 1, done: count });
    const closing = actor.close();
    let beats = 0;
    for await (const chunk of stuck.readable) {
      beats += new TextDecoder().decode(chunk).includes('"beat"') ? 1 : 0;
    }
    await closing;
    assert.equal(beats, 1);
  });

  it("report() waits until the coordinator has the result", async () => {
    const bus = createPipeBus();
    const output = pipe(), input = pipe();
    const actor = createPipeActorBus("generator", { input: input.readable, output: output.writable });
    let reported = false;
    const reporting = actor.report({ id: "a", attempt: 1 }).then(() => reported = true);
    assert.equal(await nextWithin(actor, 20), undefined);
    assert.equal(reported, false);
    bus.attach("generator", { input: input.writable, output: output.readable });
    await reporting;
    await bus.close();
    await actor.close();
  });
});

function openPipe(): Promise<BusHarness> {
  const broker = new Broker();
  const bus = createPipeBus({}, broker);
  const children = new Map<ActorBus, Child>();
  let coordinator = bus;
  let worker = 0;
  return Promise.resolve({
    coordinator: () => coordinator,
    actor: (role) => {
      const child = startChild(bus, role, { worker: worker++ });
      children.set(child.actor, child);
      return Promise.resolve(child.actor);
    },
    kill: async (actor) => await children.get(actor)?.die(),
    restartCoordinator: () => {
      // The queues live in the coordinator's process; what can restart is its reading.
      coordinator = createPipeBus({}, broker);
      return Promise.resolve();
    },
    sendRawResult: (text) => Promise.resolve(broker.offerResult(text)),
    quietMs: 20,
    close: async () => {
      await bus.close();
      for (const child of children.values()) await child.die();
    },
  });
}
