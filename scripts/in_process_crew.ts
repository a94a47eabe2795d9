// The actors inside this process, over the memory bus: for `--in-process` and for tests. They share one Worker.
import { createActor } from "xstate";
import { COMPUTE_ACTORS } from "../actors/compute_actors.ts";
import type { ComputePort } from "../actors/compute_actor.ts";
import { type Role, ROLES } from "../events/mod.ts";
import type { MemoryBus } from "../src/bus/memory_bus.ts";
import { type ActorCrew, type CrewListener, intervalTimer } from "./actor_crew.ts";
import { type OpenCompute, openWorkerCompute } from "./worker_compute.ts";
import type { WorkerSettings } from "./worker_protocol.ts";

export interface InProcessCrewOptions {
  worker: WorkerSettings;
  listener: CrewListener;
  /** @default openWorkerCompute */
  openCompute?: (settings: WorkerSettings) => Promise<OpenCompute>;
}

export class InProcessCrew implements ActorCrew {
  readonly #options: InProcessCrewOptions;
  readonly #actors: { stop(): void; close(): Promise<void> }[];
  #open: Promise<OpenCompute>;
  #stopped = false;

  constructor(bus: MemoryBus, options: InProcessCrewOptions) {
    this.#options = options;
    this.#open = this.#openAfter(Promise.resolve());
    const compute: ComputePort = {
      run: async (command, onProgress) => await (await this.#open).compute.run(command, onProgress),
    };
    this.#actors = ROLES.map((role) => {
      const actorBus = bus.actor(role);
      const actor = createActor(COMPUTE_ACTORS[role].machine, {
        input: { bus: actorBus, compute, timer: intervalTimer, pid: Deno.pid },
      });
      actor.start();
      return { stop: () => actor.send({ type: "Stop" }), close: () => actorBus.close() };
    });
  }

  /** The Worker cannot be ended for one role alone. What else it was doing fails, and is done again. */
  restart(_role: Role): void {
    this.#open = this.#openAfter(this.#open.then((open) => open.close(), () => {}));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const actor of this.#actors) actor.stop();
    await Promise.all(this.#actors.map((actor) => actor.close()));
    await this.#open.then((open) => open.close(), () => {});
  }

  #openAfter(before: Promise<void>): Promise<OpenCompute> {
    const opening = before.then(() => this.#openWorker());
    // Whoever wants to compute is told why it cannot.
    opening.catch(() => {});
    return opening;
  }

  async #openWorker(): Promise<OpenCompute> {
    const open = await (this.#options.openCompute ?? openWorkerCompute)(this.#options.worker);
    open.broken.catch(() => {
      if (!this.#stopped) this.#open = this.#openAfter(Promise.resolve());
    });
    for (const role of ROLES) this.#options.listener.onStarted(role, { pid: Deno.pid, tier: open.tier });
    return open;
  }
}
