// The queues behind the memory and the pipe bus: commands per role with their holders, results until acknowledged.
// Holds texts, not objects, so that nobody can change a message on its way. Lives and dies with the coordinator.
import {
  closedBus,
  deadLetter,
  decodeMessage,
  encodeMessage,
  messageKey,
  planReplacement,
} from "./message.ts";
import {
  type Beat,
  type BusCommand,
  type DeadLetter,
  type ResultDelivery,
  type Role,
  ROLES,
} from "./port.ts";

/** One worker, or one connection to it; what it holds goes back to the queue when it is released. */
export type Holder = symbol;

export interface QueuedCommand {
  readonly text: string;
  holder?: Holder;
}

interface QueuedResult {
  readonly text: string;
  /** Handed to the present reader. */
  delivered: boolean;
}

interface RoleQueue {
  commands: QueuedCommand[];
  published: Set<string>;
  waiting: { holder: Holder; give: (command: QueuedCommand | undefined) => void }[];
}

export class Broker {
  readonly #roles = new Map<Role, RoleQueue>(
    ROLES.map((role) => [role, { commands: [], published: new Set<string>(), waiting: [] }]),
  );
  readonly #beatListeners: ((beat: Beat) => void)[] = [];
  readonly #letterListeners: ((letter: DeadLetter) => void)[] = [];
  readonly #closing = new AbortController();
  #results: QueuedResult[] = [];
  #reading = false;
  #wakeReader = () => {};

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  replace(role: Role, commands: readonly BusCommand[]): void {
    this.#assertOpen();
    const queue = this.#queue(role);
    const { kept, missing } = planReplacement(queue.commands, commands.map(encodeMessage));
    queue.commands = [...kept, ...missing.map((text) => ({ text }))];
    queue.published = new Set(commands.map(messageKey));
    this.#hand(queue);
  }

  publish(commands: readonly BusCommand[]): void {
    this.#assertOpen();
    // All are encoded before any is queued: one that is too big leaves no half of the call behind.
    for (const { command, text } of commands.map((command) => ({ command, text: encodeMessage(command) }))) {
      const queue = this.#queue(command.role), key = messageKey(command);
      if (queue.published.has(key)) continue;
      queue.published.add(key);
      queue.commands.push({ text });
      this.#hand(queue);
    }
  }

  /** The next free command of the role, now held by `holder`; undefined after abort or close. */
  take(role: Role, holder: Holder, signal: AbortSignal): Promise<QueuedCommand | undefined> {
    if (signal.aborted || this.closed) return Promise.resolve(undefined);
    const queue = this.#queue(role);
    return new Promise((resolve) => {
      const give = (command: QueuedCommand | undefined) => {
        signal.removeEventListener("abort", giveUp);
        queue.waiting = queue.waiting.filter((waiting) => waiting.give !== give);
        resolve(command);
      };
      const giveUp = () => give(undefined);
      signal.addEventListener("abort", giveUp);
      queue.waiting.push({ holder, give });
      this.#hand(queue);
    });
  }

  /** Takes a command out of its queue for good; one that was replaced or is held by another is left alone. */
  settle(role: Role, command: QueuedCommand, holder: Holder): void {
    const queue = this.#queue(role);
    queue.commands = queue.commands.filter((queued) => queued !== command || queued.holder !== holder);
  }

  /** Gives back what the holder holds and forgets its waiting. */
  release(role: Role, holder: Holder): void {
    const queue = this.#queue(role);
    for (const waiting of queue.waiting.filter((waiting) => waiting.holder === holder)) {
      waiting.give(undefined);
    }
    for (const command of queue.commands) if (command.holder === holder) command.holder = undefined;
    this.#hand(queue);
  }

  offerResult(text: string): void {
    if (this.closed) throw closedBus();
    this.#results.push({ text, delivered: false });
    this.#wakeReader();
  }

  async *results(signal: AbortSignal): AsyncGenerator<ResultDelivery, void, undefined> {
    if (this.#reading) throw new Error("Read results() at one place: it is being read already");
    this.#reading = true;
    for (const queued of this.#results) queued.delivered = false;
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    try {
      while (!stop.aborted) {
        const queued = this.#results.find((result) => !result.delivered);
        if (queued === undefined) {
          await this.#resultArrived(stop);
          continue;
        }
        queued.delivered = true;
        const decoded = decodeMessage(queued.text);
        if ("reason" in decoded) {
          this.#bury(queued, decoded.reason);
          continue;
        }
        yield {
          result: decoded.message,
          ack: () => Promise.resolve(this.#drop(queued)),
          reject: (reason) => Promise.resolve(this.#bury(queued, reason)),
        };
      }
    } finally {
      this.#reading = false;
    }
  }

  onBeat(listener: (beat: Beat) => void): void {
    this.#beatListeners.push(listener);
  }

  beat(beat: Beat): void {
    if (!this.closed) { for (const listener of this.#beatListeners) listener(beat); }
  }

  onDeadLetter(listener: (letter: DeadLetter) => void): void {
    this.#letterListeners.push(listener);
  }

  deadLetter(letter: DeadLetter): void {
    for (const listener of this.#letterListeners) listener(letter);
  }

  close(): void {
    this.#closing.abort();
    for (const queue of this.#roles.values()) {
      for (const waiting of [...queue.waiting]) waiting.give(undefined);
    }
  }

  #resultArrived(stop: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        stop.removeEventListener("abort", wake);
        this.#wakeReader = () => {};
        resolve();
      };
      this.#wakeReader = wake;
      stop.addEventListener("abort", wake);
    });
  }

  #hand(queue: RoleQueue): void {
    while (true) {
      const command = queue.commands.find((queued) => queued.holder === undefined);
      const waiting = queue.waiting[0];
      if (command === undefined || waiting === undefined) return;
      command.holder = waiting.holder;
      waiting.give(command);
    }
  }

  #drop(queued: QueuedResult): void {
    this.#results = this.#results.filter((result) => result !== queued);
  }

  #bury(queued: QueuedResult, reason: string): void {
    this.#drop(queued);
    this.deadLetter(deadLetter("results", reason, queued.text));
  }

  #queue(role: Role): RoleQueue {
    const queue = this.#roles.get(role);
    if (queue === undefined) throw new Error(`There is no role "${role}"`);
    return queue;
  }

  #assertOpen(): void {
    if (this.closed) throw closedBus();
  }
}
