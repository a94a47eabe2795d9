// The coordinator's side of the bus on NATS JetStream: work queues in the server's memory.
// The log is the truth and the server disposable: when it loses the queues, the caller fills them again.
import { nuid, type Subscription } from "nats";
import type { JsMsg } from "nats/jetstream";
import {
  deadLetter,
  decodeBeat,
  decodeMessage,
  encodeMessage,
  messageKey,
  parseDeadLetter,
  planReplacement,
} from "./message.ts";
import { type NatsLink, openNatsLink } from "./nats_link.ts";
import { pullMessage } from "./nats_pull.ts";
import { NatsTopology } from "./nats_topology.ts";
import type { Beat, BusCommand, CoordinatorBus, DeadLetter, ResultDelivery, Role } from "./port.ts";
import { type Subjects, subjectsOf } from "./subjects.ts";
import { delay, orAborted, Turns } from "./wait.ts";

export interface NatsBusOptions {
  url: string;
  token?: string;
  /** Names the streams, so that several runs can share a server; a run has one coordinator. */
  run: string;
  /** How many workers a role has at most. @default 1 each */
  workers?: Partial<Record<Role, number>>;
  /** How long to go on without a server. @default 60000 */
  patienceMs?: number;
  /** Silence of a worker after which its command is given to another. @default 6000 */
  ackWaitMs?: number;
  /** What `close` does with the queues; a coordinator that comes back to the same server finds kept ones. @default "delete" */
  queuesAtClose?: "delete" | "keep";
  /** Whether the run begins: what an earlier run of this name left on the server is deleted. @default false */
  fresh?: boolean;
}

export async function createNatsBus(options: NatsBusOptions): Promise<CoordinatorBus> {
  const subjects = subjectsOf(options.run);
  const link = await openNatsLink({ ...options, name: `${options.run} coordinator` });
  const topology = new NatsTopology(link, {
    subjects,
    workers: options.workers ?? {},
    ackWaitMs: options.ackWaitMs ?? 6000,
  });
  try {
    if (options.fresh) await link.retry("delete the queues of an earlier run", () => topology.remove());
    await link.retry("create the queues", () => topology.ensure());
  } catch (error) {
    await link.close();
    throw error;
  }
  return new NatsCoordinator(link, { subjects, topology, keep: options.queuesAtClose === "keep" });
}

interface Queued {
  sequence: number;
  text: string;
}

class NatsCoordinator implements CoordinatorBus {
  readonly kind = "nats";
  readonly #link: NatsLink;
  readonly #subjects: Subjects;
  readonly #topology: NatsTopology;
  readonly #keep: boolean;
  readonly #published = new Map<Role, Set<string>>();
  readonly #publishing = new Turns();
  readonly #closing = new AbortController();
  readonly #letterListeners: ((letter: DeadLetter) => void)[] = [];
  readonly #beatListeners: ((beat: Beat) => void)[] = [];
  readonly #lossListeners: (() => void)[] = [];
  #reading = false;

  constructor(link: NatsLink, options: { subjects: Subjects; topology: NatsTopology; keep: boolean }) {
    this.#link = link;
    this.#subjects = options.subjects;
    this.#topology = options.topology;
    this.#keep = options.keep;
    link.onRenewal(() => void this.#repair().catch(() => {}));
    this.#listen(this.#subjects.telemetry, (text) => {
      const beat = decodeBeat(text);
      if (beat !== undefined) { for (const listener of this.#beatListeners) listener(beat); }
    });
    this.#listen(this.#subjects.deadLetters, (text) => {
      const decoded = decodeMessage(text);
      const letter = "message" in decoded ? parseDeadLetter(decoded.message) : undefined;
      if (letter !== undefined) this.#tellDeadLetter(letter);
    });
  }

  async replace(role: Role, commands: readonly BusCommand[]): Promise<void> {
    const wanted = commands.map(encodeMessage);
    await this.#publishing.take(async () => {
      await this.#link.retry(
        "replace commands",
        (signal) => this.#replaceOnce(role, { wanted, signal }),
        () => this.#repair(),
      );
      this.#published.set(role, new Set(commands.map(messageKey)));
    });
  }

  async publish(commands: readonly BusCommand[]): Promise<void> {
    const encoded = commands.map((command) => ({ command, text: encodeMessage(command) }));
    await this.#publishing.take(async () => {
      for (const { command, text } of encoded) await this.#publishOne(command, text);
    });
  }

  async *results(signal: AbortSignal): AsyncGenerator<ResultDelivery, void, undefined> {
    if (this.#reading) throw new Error("Read results() at one place: it is being read already");
    this.#reading = true;
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    try {
      await orAborted(
        this.#link.retry("read results", () => this.#topology.resetResults(), () => this.#repair()),
        stop,
      );
      while (!stop.aborted) {
        const message = await this.#pullResult(stop);
        if (message === undefined) continue;
        const decoded = decodeMessage(message.string());
        if ("reason" in decoded) await this.#bury(message, decoded.reason);
        else yield this.#delivery(message, decoded.message);
      }
    } finally {
      this.#reading = false;
    }
  }

  onBeat(listener: (beat: Beat) => void): void {
    this.#beatListeners.push(listener);
  }

  onDeadLetter(listener: (letter: DeadLetter) => void): void {
    this.#letterListeners.push(listener);
  }

  onTopologyLost(listener: () => void): void {
    this.#lossListeners.push(listener);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    // A server that is away has lost the queues anyway.
    if (!this.#keep && this.#link.connected) await this.#topology.remove().catch(() => {});
    await this.#link.close();
  }

  async #publishOne(command: BusCommand, text: string): Promise<void> {
    const published = this.#published.get(command.role) ?? new Set<string>();
    this.#published.set(command.role, published);
    const key = messageKey(command);
    if (published.has(key)) return;
    // One id for all tries of this call, and a fresh one each call: a resumed run or `replace` may bring a command back.
    const msgID = nuid.next();
    await this.#link.retry(
      `publish "${key}"`,
      () => this.#link.jetstream.publish(this.#subjects.commands(command.role), text, { msgID }),
      () => this.#repair(),
    );
    published.add(key);
  }

  /** Safe to repeat at any point: it starts from what the queue holds. */
  async #replaceOnce(role: Role, options: { wanted: readonly string[]; signal: AbortSignal }): Promise<void> {
    const { dropped, missing } = planReplacement(await this.#queued(role), options.wanted);
    for (const { sequence } of dropped) {
      options.signal.throwIfAborted();
      await this.#link.manager.streams.deleteMessage(this.#subjects.commandStream, sequence);
    }
    for (const text of missing) {
      options.signal.throwIfAborted();
      await this.#link.jetstream.publish(this.#subjects.commands(role), text, { msgID: nuid.next() });
    }
  }

  /** Commands of the role that nobody has acknowledged, in work or not. */
  async #queued(role: Role): Promise<Queued[]> {
    const queued: Queued[] = [];
    for (let from = 1;;) {
      const message = await this.#link.manager.direct.getMessage(this.#subjects.commandStream, {
        seq: from,
        next_by_subj: this.#subjects.commands(role),
      });
      if (message === null) return queued;
      queued.push({ sequence: message.seq, text: message.string() });
      from = message.seq + 1;
    }
  }

  async #pullResult(stop: AbortSignal): Promise<JsMsg | undefined> {
    this.#link.ended.throwIfAborted();
    const { resultStream, coordinator } = this.#subjects;
    const finding = this.#link.retry(
      "read results",
      () => this.#link.jetstream.consumers.get(resultStream, coordinator),
      () => this.#repair(),
    );
    const consumer = await orAborted(finding, stop);
    if (consumer === undefined) return undefined;
    try {
      return await pullMessage(consumer, this.#link, stop);
    } catch {
      await this.#repair().catch(() => {});
      await delay(200, AbortSignal.any([stop, this.#link.ended]));
      return undefined;
    }
  }

  #delivery(message: JsMsg, result: unknown): ResultDelivery {
    return {
      result,
      // An acknowledgement that does not get through makes the result come again: a duplicate, which the log's reader drops.
      ack: async () => void await message.ackAck().catch(() => {}),
      reject: (reason) => this.#bury(message, reason),
    };
  }

  /** Acknowledged rather than terminated, because only that is confirmed. */
  async #bury(message: JsMsg, reason: string): Promise<void> {
    await message.ackAck().catch(() => {});
    this.#tellDeadLetter(deadLetter("results", reason, message.string()));
  }

  #tellDeadLetter(letter: DeadLetter): void {
    for (const listener of this.#letterListeners) listener(letter);
  }

  /** Creates what is missing; if that was a stream, its messages are gone and the listeners fill it again. */
  async #repair(): Promise<void> {
    if (this.#closing.signal.aborted || !this.#link.connected) return;
    if (await this.#topology.ensure()) { for (const listener of this.#lossListeners) listener(); }
  }

  #listen(subject: string, onText: (text: string) => void): Subscription {
    return this.#link.connection.subscribe(subject, {
      callback: (error, message) => error === null ? onText(message.string()) : undefined,
    });
  }
}
