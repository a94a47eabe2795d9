// One actor as a process of its own, started by `irl`. The main thread holds statechart, bus and beats; a Worker computes.
// It ends with its parent: the parent holds the other end of standard input and never writes an end into it.
import { createActor, toPromise } from "xstate";
import { COMPUTE_ACTORS } from "../actors/compute_actors.ts";
import { createNatsActorBus } from "../src/bus/nats_actor_bus.ts";
import { createPipeActorBus } from "../src/bus/pipe_actor_bus.ts";
import type { ActorBus } from "../src/bus/port.ts";
import { intervalTimer } from "./actor_crew.ts";
import { ACTOR_VARIABLE, type ActorHello, ActorSettings } from "./actor_settings.ts";
import { exitNow, prepareExit } from "./exit_now.ts";
import { type OpenCompute, openWorkerCompute } from "./worker_compute.ts";
import type { WorkerSettings } from "./worker_protocol.ts";

/** Runs the actor that the environment describes until the bus or the parent ends; returns the exit code. */
export async function runActor(
  openCompute: (settings: WorkerSettings) => Promise<OpenCompute> = openWorkerCompute,
): Promise<number> {
  const settings = ActorSettings.parse(JSON.parse(Deno.env.get(ACTOR_VARIABLE) ?? "null"));
  // Ctrl-C reaches every process of the terminal; what it means is decided by the parent.
  Deno.addSignalListener("SIGINT", () => {});
  if (settings.worker.tier.name === "native") prepareExit();
  const bus = await openBus(settings);
  let open: OpenCompute;
  try {
    open = await openCompute(settings.worker);
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    say({ refused: { name, message } });
    return 1;
  }
  say({ started: { pid: Deno.pid, tier: open.tier } });
  const actor = createActor(COMPUTE_ACTORS[settings.role].machine, {
    input: { bus, compute: open.compute, timer: intervalTimer, pid: Deno.pid },
  });
  actor.start();
  const failure = await Promise.race([toPromise(actor), open.broken]);
  await bus.close();
  if (failure !== null) console.error(`${failure.name}: ${failure.message}`);
  return failure === null ? 0 : 1;
}

async function openBus({ role, run, bus }: ActorSettings): Promise<ActorBus> {
  if (bus.kind === "pipe") {
    const pipe = createPipeActorBus(role, { input: Deno.stdin.readable, output: Deno.stdout.writable });
    void pipe.ended.then(() => exitNow(0));
    return pipe;
  }
  void waitForEnd(Deno.stdin.readable).then(() => exitNow(0));
  return await createNatsActorBus({ url: bus.url, token: bus.token, run, role });
}

async function waitForEnd(stream: ReadableStream<Uint8Array>): Promise<void> {
  try {
    for await (const _ of stream);
  } catch {
    // A broken pipe is an end too.
  }
}

function say(hello: ActorHello): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`\n${JSON.stringify(hello)}\n`));
}

if (import.meta.main) {
  try {
    exitNow(await runActor());
  } catch (error) {
    console.error(error instanceof Error ? `${error.name}: ${error.message}` : error);
    exitNow(1);
  }
}
