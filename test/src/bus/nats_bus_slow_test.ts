// The NATS bus under the suite of all transports, and what only a server can do: restart without its memory, stay
// away, refuse, be shared. Needs a nats-server program; skipped with the reason where there is none.
// Size: all cases that share one started server.
import { connect } from "nats";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { BusError } from "../../../src/base/errors.ts";
import { createNatsActorBus } from "../../../src/bus/nats_actor_bus.ts";
import { createNatsBus, type NatsBusOptions } from "../../../src/bus/nats_bus.ts";
import { type NatsServer, startNatsServer } from "../../../src/bus/nats_server.ts";
import type { ActorBus, BusCommand, CoordinatorBus, Role } from "../../../src/bus/port.ts";
import { subjectsOf } from "../../../src/bus/subjects.ts";
import {
  busContract,
  type BusHarness,
  busLeakCase,
  command,
  drain,
  idOf,
  NEVER,
  nextOf,
  readResults,
} from "./bus_contract.ts";
import { testNatsServer, type Wire, wireTo } from "./nats_test_server.ts";

const found = await testNatsServer();
const skip = "skip" in found ? found.skip : undefined;
const binary = "path" in found ? found.path : "";

let server: NatsServer;
let temporaryFolder: string;
let runs = 0;

async function startServer(): Promise<void> {
  temporaryFolder = await Deno.makeTempDir({ prefix: "nats-bus-test-" });
  server = await startNatsServer({ binary, temporaryFolder });
}

async function stopServer(): Promise<void> {
  await server.stop();
  await Deno.remove(temporaryFolder, { recursive: true });
}

function newRun(): string {
  return `run-${runs++}`;
}

function coordinatorOf(run: string, options: Partial<NatsBusOptions> = {}): Promise<CoordinatorBus> {
  return createNatsBus({ url: server.url, token: server.token, run, ackWaitMs: 600, ...options });
}

function actorOf(
  run: string,
  role: Role,
  options: { url?: string; patienceMs?: number } = {},
): Promise<ActorBus> {
  return createNatsActorBus({ url: server.url, token: server.token, run, role, ...options });
}

const TOGETHER = { skip: skip ?? false };

describe("NATS", TOGETHER, () => {
  beforeAll(startServer);
  afterAll(stopServer);

  busContract("NATS", openNats);

  describe("createNatsBus()", sharedServerCases);
  describe("createNatsBus() without a usable server", refusalCases);
});

async function openNats(): Promise<BusHarness> {
  const run = newRun();
  const wires = new Map<ActorBus, Wire>();
  let coordinator = await coordinatorOf(run, { queuesAtClose: "keep" });
  return {
    coordinator: () => coordinator,
    actor: async (role) => {
      const wire = wireTo(server);
      const actor = await actorOf(run, role, { url: wire.url });
      wires.set(actor, wire);
      return actor;
    },
    kill: (actor) => Promise.resolve(wires.get(actor)?.cut()),
    restartCoordinator: async () => {
      const dead = coordinator;
      coordinator = await coordinatorOf(run);
      await dead.close();
    },
    sendRawResult: async (text) => {
      const connection = await connect({ servers: server.url, token: server.token });
      connection.publish(subjectsOf(run).results, text);
      await connection.drain();
    },
    quietMs: 150,
    close: async () => {
      await coordinator.close();
      for (const [actor, wire] of wires) {
        await actor.close();
        wire.cut();
      }
    },
  };
}

busLeakCase("NATS", async () => {
  await startServer();
  const harness = await openNats();
  return {
    ...harness,
    close: async () => {
      await harness.close();
      await stopServer();
    },
  };
}, { skip });

function sharedServerCases(): void {
  it("keeps runs on one server apart, and close() removes the streams of its own", async () => {
    const [one, two] = [newRun(), newRun()];
    const buses = [await coordinatorOf(one), await coordinatorOf(two)] as const;
    await buses[0].publish([command("generator", "a")]);
    await buses[1].publish([command("generator", "b")]);
    const actor = await actorOf(two, "generator");
    assert.deepEqual(await drain(actor, 150), ["b"]);
    await buses[0].close();
    await buses[1].publish([command("generator", "c")]);
    assert.deepEqual(await drain(actor, 150), ["c"]);
    await actor.close();
    await buses[1].close();
    const again = await coordinatorOf(one);
    const idle = await actorOf(one, "generator");
    assert.deepEqual(await drain(idle, 150), [], "the closed run's command is gone");
    await idle.close();
    await again.close();
  });

  it("gives as many commands of a role out at a time as it has workers", async () => {
    const run = newRun();
    const bus = await coordinatorOf(run, { workers: { generator: 2 } });
    await bus.publish(["a", "b", "c"].map((id) => command("generator", id)));
    const workers = [await actorOf(run, "generator"), await actorOf(run, "generator")];
    const open = await Promise.all(workers.map(nextOf));
    assert.deepEqual(open.map(({ command }) => idOf(command)).sort(), ["a", "b"]);
    for (const worker of workers) await worker.close();
    await bus.close();
  });

  it("a worker that is busy for many ack waits keeps its command", async () => {
    const run = newRun();
    const bus = await coordinatorOf(run, { ackWaitMs: 300, workers: { generator: 2 } });
    await bus.publish([command("generator", "long")]);
    const [busy, idle] = [await actorOf(run, "generator"), await actorOf(run, "generator")];
    const open = await nextOf(busy);
    assert.deepEqual(await drain(idle, 1500), []);
    await open.ack();
    await busy.close();
    await idle.close();
    await bus.close();
  });

  it("replace() by a coordinator that came back leaves the work of a surviving actor alone", async () => {
    const run = newRun();
    const first = await coordinatorOf(run, { queuesAtClose: "keep" });
    await first.publish([command("generator", "a"), command("generator", "b")]);
    const actor = await actorOf(run, "generator");
    const open = await nextOf(actor);
    await first.close();
    const second = await coordinatorOf(run);
    await second.replace("generator", [command("generator", "a"), command("generator", "b")]);
    await actor.report({ id: "a", attempt: 1 });
    await open.ack();
    assert.deepEqual(await drain(actor, 150), ["b"]);
    assert.deepEqual((await readResults(second, 1, (delivery) => delivery.ack())).map(idOf), ["a"]);
    await actor.close();
    await second.close();
  });

  for (const [what, fresh] of [["begins is given no", true], ["goes on is given the", false]] as const) {
    it(`a run that ${what} result that a killed run of its name left`, async () => {
      const run = newRun();
      const killed = await coordinatorOf(run, { queuesAtClose: "keep" });
      await killed.publish([command("generator", "old")]);
      const before = await actorOf(run, "generator");
      await nextOf(before);
      await before.report({ id: "old", attempt: 1 });
      await before.close();
      await killed.close();
      const bus = await coordinatorOf(run, { fresh });
      await bus.replace("generator", [command("generator", "new")]);
      const actor = await actorOf(run, "generator");
      assert.deepEqual(await drain(actor, 150), ["new"]);
      await actor.report({ id: "new", attempt: 1 });
      const expected = fresh ? ["new"] : ["old", "new"];
      const results = await readResults(bus, expected.length, (delivery) => delivery.ack());
      assert.deepEqual(results.map(idOf), expected);
      await actor.close();
      await bus.close();
    });
  }

  it("report() of a command that a new coordinator issued again is no duplicate of the earlier one", async () => {
    const run = newRun();
    const actor = await actorOf(run, "generator");
    for (let session = 0; session < 2; session++) {
      const bus = await coordinatorOf(run, { queuesAtClose: "keep" });
      await bus.publish([command("generator", "a")]);
      const open = await nextOf(actor);
      await actor.report({ id: "a", attempt: 1, session });
      await open.ack();
      assert.deepEqual(await readResults(bus, 1, (delivery) => delivery.ack()), [{
        id: "a",
        attempt: 1,
        session,
      }]);
      await bus.close();
    }
    await actor.close();
  });

  it(
    "survives a server that is killed and comes back without its memory, at every moment of a step",
    stormCase,
  );

  it("report() made while the server is away arrives when it is back", async () => {
    const run = newRun();
    const bus = await coordinatorOf(run);
    const refilled = Promise.withResolvers<void>();
    bus.onTopologyLost(() => bus.replace("generator", [command("generator", "a")]).then(refilled.resolve));
    await bus.publish([command("generator", "a")]);
    const actor = await actorOf(run, "generator");
    const open = await nextOf(actor);
    killServer();
    await actor.report({ id: "a", attempt: 1 });
    await open.ack();
    await refilled.promise;
    assert.deepEqual(await drain(actor, 600), [], "the command that was refilled is answered from memory");
    const ids = (await readResults(bus, 1, (delivery) => delivery.ack())).map(idOf);
    assert.deepEqual(ids, ["a"]);
    await actor.close();
    await bus.close();
  });
}

function killServer(): void {
  const { pid } = server;
  assert.ok(pid !== undefined, "the server runs when it is to be killed");
  Deno.kill(pid, "SIGKILL");
}

type Moment = "computing" | "reported" | "acknowledged" | "result read" | "next published";

/** At which moment of which step the server dies. */
const DEATHS: ReadonlyMap<number, Moment> = new Map([
  [2, "computing"],
  [5, "reported"],
  [8, "acknowledged"],
  [11, "result read"],
  [14, "next published"],
]);
const STEPS = 18;

/**
 * Commands in a chain, of one role after the other, as a run does them, while the server dies at each moment of a step.
 * The coordinator accepts a result once by its id, as the log's fold does.
 */
async function stormCase(): Promise<void> {
  const run = newRun();
  const roles: Role[] = ["generator", "reward-learner"];
  const chain: BusCommand[] = Array.from(
    { length: STEPS },
    (_, step) => command(step % 2 === 0 ? "generator" : "reward-learner", String(step)),
  );
  const accepted: string[] = [], computed: string[] = [];
  const deaths = new Map(DEATHS);
  const moment = (now: Moment, step: string) => {
    if (deaths.get(Number(step)) !== now) return;
    deaths.delete(Number(step));
    killServer();
  };
  const outstanding = () => chain.slice(accepted.length, accepted.length + 1);
  const bus = await coordinatorOf(run);
  let losses = 0;
  bus.onTopologyLost(() => {
    losses++;
    for (const role of roles) void bus.replace(role, outstanding().filter((one) => one.role === role));
  });
  const stop = new AbortController();
  const workers = roles.map(async (role) => {
    const actor = await actorOf(run, role);
    for (let open = await actor.next(stop.signal); open !== undefined; open = await actor.next(stop.signal)) {
      const id = String(idOf(open.command));
      computed.push(id);
      moment("computing", id);
      await actor.report({ id, attempt: 1 });
      moment("reported", id);
      await open.ack();
      moment("acknowledged", id);
    }
    await actor.close();
  });
  await bus.publish(outstanding());
  for await (const { result, ack } of bus.results(NEVER)) {
    const id = String(idOf(result));
    moment("result read", id);
    if (id === outstanding()[0]?.id) {
      accepted.push(id);
      await bus.publish(outstanding());
      moment("next published", id);
    } else assert.ok(accepted.includes(id), `result ${id} was not asked for`);
    await ack();
    if (accepted.length === chain.length) break;
  }
  stop.abort();
  await Promise.all(workers);
  await bus.close();
  assert.deepEqual(accepted, chain.map(({ id }) => id));
  assert.equal(losses, DEATHS.size);
  assert.ok(computed.length <= STEPS + DEATHS.size, `${computed.length} computations of ${STEPS} commands`);
}

function refusalCases(): void {
  it("throws BusError naming the address, without the token, when no server is there in time", async () => {
    const opening = createNatsBus({ url: "nats://secret@127.0.0.1:9", run: "r", patienceMs: 200 });
    await assert.rejects(opening, (error) => {
      assert.ok(error instanceof BusError);
      assert.match(error.message, /Start a NATS server at nats:\/\/127\.0\.0\.1:9/);
      return true;
    });
  });

  it("throws BusError at once for a wrong token, and takes the token from the URL", async () => {
    const wrong = createNatsBus({ url: server.url, token: "wrong", run: "r" });
    await assert.rejects(wrong, /Check token or password/);
    const url = server.url.replace("nats://", `nats://${server.token}@`);
    const bus = await createNatsBus({ url, run: newRun() });
    await bus.close();
  });

  it("throws BusError that says so when the server has no JetStream", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const plain = new Deno.Command(binary, {
      args: ["-a", "127.0.0.1", "-p", String(port)],
      stdout: "null",
      stderr: "null",
    }).spawn();
    await assert.rejects(createNatsBus({ url: `127.0.0.1:${port}`, run: "r" }), /with JetStream/);
    plain.kill("SIGKILL");
    await plain.status;
  });

  it("refuses run names that would not be subjects", async () => {
    await assert.rejects(coordinatorOf("a.b"), /Name the run/);
  });

  it("every call ends in BusError when the server stays away longer than the patience", async () => {
    const own = await startNatsServer({ binary, temporaryFolder });
    const place = { url: own.url, token: own.token, run: newRun(), patienceMs: 500 };
    const bus = await createNatsBus(place);
    const actor = await createNatsActorBus({ ...place, role: "generator" });
    const other = await createNatsActorBus({ ...place, role: "evaluator" });
    const waiting = [
      assert.rejects(async () => await readResults(bus, 1, (delivery) => delivery.ack()), BusError),
      assert.rejects(actor.next(NEVER), BusError),
    ];
    await own.stop();
    waiting.push(
      assert.rejects(bus.publish([command("generator", "a")]), BusError),
      assert.rejects(bus.replace("evaluator", []), BusError),
      assert.rejects(other.report({ id: "a", attempt: 1 }), /away for|could not report/),
    );
    await Promise.all(waiting);
    for (const side of [bus, actor, other]) await side.close();
  });
}
