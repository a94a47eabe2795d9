// An actor's side of the bus on NATS JetStream: pulls one command at a time and keeps its claim on it alive.
// Waits for queues that are missing, and never creates them: that is how the coordinator notices a loss.
import type { Consumer, JsMsg } from "nats/jetstream";
import {
  closedBus,
  commandStillOpen,
  deadLetter,
  decodeMessage,
  encodeBeat,
  encodeMessage,
  isRecord,
  messageKey,
} from "./message.ts";
import { type NatsLink, openNatsLink } from "./nats_link.ts";
import { ignoreMissing } from "./nats_topology.ts";
import { pullMessage } from "./nats_pull.ts";
import type { ActorBus, Beat, BusResult, CommandDelivery, Role } from "./port.ts";
import { type Subjects, subjectsOf } from "./subjects.ts";
import { delay, orAborted } from "./wait.ts";

export interface NatsActorBusOptions {
  url: string;
  token?: string;
  run: string;
  role: Role;
  /** How long to go on without a server. @default 60000 */
  patienceMs?: number;
}

export async function createNatsActorBus(options: NatsActorBusOptions): Promise<ActorBus> {
  const subjects = subjectsOf(options.run);
  const link = await openNatsLink({ ...options, name: `${options.run} ${options.role}` });
  return new NatsActor(link, { subjects, role: options.role });
}

const ACK_TIMEOUT_MS = 1000, MISSING_QUEUE_MS = 200;
const NANOSECONDS = 1e6;

interface OpenCommand {
  message: JsMsg;
  /** Undefined when the command has no id and attempt, which the caller will reject. */
  key: string | undefined;
  /** The link's at its delivery. */
  renewed: AbortSignal;
  heartbeat: ReturnType<typeof setInterval>;
  /** What was reported for it. */
  result?: string;
}

/** The last command that was reported. */
interface DoneCommand {
  command: string;
  key: string;
  result: string;
  /** False when the acknowledgement may have been lost. */
  confirmed: boolean;
  /** Aborted when the server may have lost the result since. */
  renewed: AbortSignal;
}

class NatsActor implements ActorBus {
  readonly #link: NatsLink;
  readonly #subjects: Subjects;
  readonly #role: Role;
  readonly #closing = new AbortController();
  #heartbeatMs = 2000;
  /** The present pull; outlives an aborted `next`, so that its message is not lost. */
  #wanted: Promise<JsMsg | undefined> | undefined;
  #open: OpenCommand | undefined;
  #done: DoneCommand | undefined;

  constructor(link: NatsLink, options: { subjects: Subjects; role: Role }) {
    this.#link = link;
    this.#subjects = options.subjects;
    this.#role = options.role;
  }

  async next(signal: AbortSignal): Promise<CommandDelivery | undefined> {
    if (this.#open !== undefined) throw commandStillOpen();
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    while (!stop.aborted) {
      this.#wanted ??= this.#pull();
      const message = await orAborted(this.#wanted, stop);
      if (message === undefined) return undefined;
      this.#wanted = undefined;
      const delivery = await this.#deliver(message);
      if (delivery !== undefined) return delivery;
    }
    return undefined;
  }

  async report(result: BusResult): Promise<void> {
    if (this.#closing.signal.aborted) throw closedBus();
    const text = encodeMessage(result), key = messageKey(result);
    const open = this.#open?.key === key ? this.#open : undefined;
    await this.#publishResult(key, text, open?.message.seq);
    if (open !== undefined) open.result = text;
  }

  beat(beat: Beat): void {
    if (this.#link.connected) this.#link.connection.publish(this.#subjects.telemetry, encodeBeat(beat));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const pulled = await this.#wanted?.catch(() => undefined);
    for (const message of [pulled, this.#open?.message]) if (this.#link.connected) message?.nak();
    this.#forgetOpen();
    await this.#link.close();
  }

  /** Undefined only after close; a lost server is a BusError. */
  async #pull(): Promise<JsMsg | undefined> {
    const stop = AbortSignal.any([this.#closing.signal, this.#link.ended]);
    let consumer: Consumer | undefined;
    while (!this.#closing.signal.aborted) {
      this.#link.ended.throwIfAborted();
      consumer ??= await orAborted(
        this.#link.retry("read commands", () => this.#findConsumer()),
        this.#closing.signal,
      );
      try {
        const message = consumer && await pullMessage(consumer, this.#link, stop);
        if (message !== undefined) return message;
      } catch {
        consumer = undefined;
      }
      if (consumer === undefined) await delay(MISSING_QUEUE_MS, stop);
    }
    return undefined;
  }

  /** Undefined until the coordinator, who alone creates queues, has noticed that they are missing. */
  async #findConsumer(): Promise<Consumer | undefined> {
    try {
      const consumer = await this.#link.jetstream.consumers.get(this.#subjects.commandStream, this.#role);
      const { config } = await consumer.info(true);
      if (config.ack_wait !== undefined) this.#heartbeatMs = config.ack_wait / NANOSECONDS / 3;
      return consumer;
    } catch (error) {
      return void ignoreMissing(error);
    }
  }

  /** Undefined when the message needs no work: it is malformed, or done already. */
  async #deliver(message: JsMsg): Promise<CommandDelivery | undefined> {
    const text = message.string();
    const decoded = decodeMessage(text);
    if ("reason" in decoded) return void await this.#bury(message, decoded.reason);
    const done = this.#done;
    if (done?.command === text && (!done.confirmed || done.renewed.aborted)) {
      return void await this.#answerAgain(message, done);
    }
    const open: OpenCommand = {
      message,
      key: keyOf(decoded.message),
      renewed: this.#link.renewed,
      heartbeat: setInterval(() => message.working(), this.#heartbeatMs),
    };
    this.#open = open;
    return {
      command: decoded.message,
      working: () => message.working(),
      ack: () => this.#acknowledge(open),
      reject: (reason) => {
        if (this.#open === open) this.#forgetOpen();
        return this.#bury(message, reason);
      },
    };
  }

  async #acknowledge(open: OpenCommand): Promise<void> {
    if (this.#open !== open) return;
    this.#forgetOpen();
    const { message, renewed, key, result } = open;
    const confirmed = await this.#confirmed(message, renewed);
    if (result === undefined || key === undefined) return;
    this.#done = { command: message.string(), key, result, confirmed, renewed };
  }

  /**
   * A command that comes again although it was reported: its acknowledgement was lost, or the server's memory, and the
   * result with it. The work is not done again.
   */
  async #answerAgain(message: JsMsg, done: DoneCommand): Promise<void> {
    done.renewed = this.#link.renewed;
    await this.#publishResult(done.key, done.result, message.seq);
    done.confirmed = await this.#confirmed(message, done.renewed);
  }

  /** A server that restarted confirms acknowledgements of messages it never had, so a renewed link means no. */
  async #confirmed(message: JsMsg, renewed: AbortSignal): Promise<boolean> {
    if (renewed.aborted) return false;
    const confirming = message.ackAck({ timeout: ACK_TIMEOUT_MS }).catch(() => false);
    return (await orAborted(confirming, renewed)) === true;
  }

  /** One id per delivered command: a redelivered one is a duplicate, one that was published anew is not. */
  async #publishResult(key: string, text: string, sequence: number | undefined): Promise<void> {
    const msgID = `${key}@${sequence ?? "none"}`;
    const { jetstream } = this.#link;
    await this.#link.retry(
      `report "${key}"`,
      () => jetstream.publish(this.#subjects.results, text, { msgID }),
    );
  }

  #forgetOpen(): void {
    clearInterval(this.#open?.heartbeat);
    this.#open = undefined;
  }

  /** Acknowledged rather than terminated, because only that is confirmed. */
  async #bury(message: JsMsg, reason: string): Promise<void> {
    await message.ackAck({ timeout: ACK_TIMEOUT_MS }).catch(() => {});
    if (!this.#link.connected) return;
    const letter = deadLetter("commands", reason, message.string());
    this.#link.connection.publish(this.#subjects.deadLetters, JSON.stringify(letter));
  }
}

function keyOf(command: unknown): string | undefined {
  if (!isRecord(command)) return undefined;
  const { id, attempt } = command;
  return typeof id === "string" && typeof attempt === "number" ? messageKey({ id, attempt }) : undefined;
}
