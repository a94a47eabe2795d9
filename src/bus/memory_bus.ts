// The bus inside one process, for `--in-process` and for tests: the coordinator's side and one side per actor.
// Messages pass as canonical JSON like on the other transports, so what would fail there fails here.
import { Broker, type QueuedCommand } from "./broker.ts";
import {
  closedBus,
  commandStillOpen,
  deadLetter,
  decodeBeat,
  decodeMessage,
  encodeBeat,
  encodeMessage,
} from "./message.ts";
import type { ActorBus, Beat, CommandDelivery, CoordinatorBus, Role } from "./port.ts";

export interface MemoryBus {
  readonly coordinator: CoordinatorBus;
  /** A new worker of the role. */
  actor(role: Role): ActorBus;
}

export function createMemoryBus(broker: Broker = new Broker()): MemoryBus {
  return {
    coordinator: brokerCoordinator("memory", broker),
    actor: (role) => new MemoryActorBus(role, broker),
  };
}

/** The coordinator's side of a broker in the same process; the pipe bus shares it. */
export function brokerCoordinator(kind: "memory" | "pipe", broker: Broker): CoordinatorBus {
  return {
    kind,
    // async, so that a refused message is a rejected promise as on NATS.
    // deno-lint-ignore require-await
    replace: async (role, commands) => broker.replace(role, commands),
    // deno-lint-ignore require-await
    publish: async (commands) => broker.publish(commands),
    results: (signal) => broker.results(signal),
    onBeat: (listener) => broker.onBeat(listener),
    onDeadLetter: (listener) => broker.onDeadLetter(listener),
    onTopologyLost: () => {},
    close: () => Promise.resolve(broker.close()),
  };
}

class MemoryActorBus implements ActorBus {
  readonly #role: Role;
  readonly #broker: Broker;
  readonly #holder = Symbol("memory actor");
  readonly #closing = new AbortController();
  #open: QueuedCommand | undefined;

  constructor(role: Role, broker: Broker) {
    this.#role = role;
    this.#broker = broker;
  }

  async next(signal: AbortSignal): Promise<CommandDelivery | undefined> {
    if (this.#open !== undefined) throw commandStillOpen();
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    while (true) {
      const queued = await this.#broker.take(this.#role, this.#holder, stop);
      if (queued === undefined) return undefined;
      const decoded = decodeMessage(queued.text);
      if ("message" in decoded) return this.#deliver(queued, decoded.message);
      this.#bury(queued, decoded.reason);
    }
  }

  // deno-lint-ignore require-await
  async report(result: { id: string; attempt: number }): Promise<void> {
    if (this.#closing.signal.aborted) throw closedBus();
    this.#broker.offerResult(encodeMessage(result));
  }

  beat(beat: Beat): void {
    const copy = decodeBeat(encodeBeat(beat));
    if (copy !== undefined) this.#broker.beat(copy);
  }

  close(): Promise<void> {
    this.#closing.abort();
    this.#open = undefined;
    this.#broker.release(this.#role, this.#holder);
    return Promise.resolve();
  }

  #deliver(queued: QueuedCommand, command: unknown): CommandDelivery {
    this.#open = queued;
    const settle = () => {
      if (this.#open === queued) this.#open = undefined;
      this.#broker.settle(this.#role, queued, this.#holder);
    };
    return {
      command,
      working: () => {},
      ack: () => Promise.resolve(settle()),
      reject: (reason) => {
        settle();
        this.#bury(queued, reason);
        return Promise.resolve();
      },
    };
  }

  #bury(queued: QueuedCommand, reason: string): void {
    this.#broker.settle(this.#role, queued, this.#holder);
    this.#broker.deadLetter(deadLetter("commands", reason, queued.text));
  }
}
