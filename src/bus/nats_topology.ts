// Streams and consumers of one run on NATS JetStream, in memory: work queues of commands and of results.
// Only the coordinator creates them, so that it alone learns when a server has lost them.
import {
  AckPolicy,
  type ConsumerConfig,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
} from "nats/jetstream";
import { MAX_MESSAGE_BYTES } from "./message.ts";
import type { NatsLink } from "./nats_link.ts";
import { type Role, ROLES } from "./port.ts";
import type { Subjects } from "./subjects.ts";
import { Turns } from "./wait.ts";

export interface NatsTopologyOptions {
  subjects: Subjects;
  /** How many workers a role has at most; as many commands of it are out at a time. @default 1 each */
  workers: Partial<Record<Role, number>>;
  /** Silence of a worker after which its command is given to another. */
  ackWaitMs: number;
}

type QueueConsumer = Partial<ConsumerConfig> & { durable_name: string };

const NANOSECONDS = 1e6;
/** A result is held while its event is written and the next commands are sent; a new reader gets it at once. */
const RESULT_WAIT_MS = 60_000;
const MAX_OPEN_RESULTS = 1000;
const HEADER_BYTES = 1024;

export class NatsTopology {
  readonly #link: NatsLink;
  readonly #options: NatsTopologyOptions;
  readonly #turns = new Turns();
  /** A stream was created and nobody was told yet, because a later step failed. */
  #created = false;

  constructor(link: NatsLink, options: NatsTopologyOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** Idempotent. True when a stream had to be created: what it held before, if anything, is lost. */
  ensure(): Promise<boolean> {
    return this.#turns.take(async () => {
      const { subjects } = this.#options;
      await this.#ensureStream(subjects.commandStream, subjects.allCommands);
      await this.#ensureStream(subjects.resultStream, subjects.results);
      for (const role of ROLES) {
        await this.#ensureConsumer(subjects.commandStream, this.#commandConsumer(role));
      }
      await this.#ensureConsumer(subjects.resultStream, this.#resultConsumer());
      const created = this.#created;
      this.#created = false;
      return created;
    });
  }

  /** Forgets what was handed to an earlier reader of results, so that it comes again at once. */
  resetResults(): Promise<void> {
    return this.#turns.take(async () => {
      const { resultStream, coordinator } = this.#options.subjects;
      const { consumers } = this.#link.manager;
      await consumers.delete(resultStream, coordinator).catch(ignoreMissing);
      await consumers.add(resultStream, this.#resultConsumer());
    });
  }

  remove(): Promise<void> {
    return this.#turns.take(async () => {
      const { commandStream, resultStream } = this.#options.subjects;
      for (const stream of [commandStream, resultStream]) {
        await this.#link.manager.streams.delete(stream).catch(ignoreMissing);
      }
    });
  }

  async #ensureStream(name: string, subject: string): Promise<void> {
    const { streams } = this.#link.manager;
    try {
      await streams.info(name);
      return;
    } catch (error) {
      ignoreMissing(error);
    }
    await streams.add({
      name,
      subjects: [subject],
      storage: StorageType.Memory,
      retention: RetentionPolicy.Workqueue,
      allow_direct: true,
      max_msg_size: MAX_MESSAGE_BYTES + HEADER_BYTES,
      // Never below an earlier stream of this name: an acknowledgement that was on its way while the server lost the
      // stream would else take an unrelated message, with the same number, out of the new one.
      first_seq: Date.now(),
    });
    this.#created = true;
  }

  async #ensureConsumer(stream: string, config: QueueConsumer): Promise<void> {
    const { consumers } = this.#link.manager;
    const { durable_name, ack_wait, max_ack_pending } = config;
    try {
      await consumers.update(stream, durable_name, { ack_wait, max_ack_pending });
      return;
    } catch (error) {
      ignoreMissing(error);
    }
    await consumers.add(stream, config);
  }

  #commandConsumer(role: Role): QueueConsumer {
    return {
      durable_name: role,
      filter_subject: this.#options.subjects.commands(role),
      ack_policy: AckPolicy.Explicit,
      ack_wait: this.#options.ackWaitMs * NANOSECONDS,
      max_ack_pending: this.#options.workers[role] ?? 1,
    };
  }

  #resultConsumer(): QueueConsumer {
    return {
      durable_name: this.#options.subjects.coordinator,
      ack_policy: AckPolicy.Explicit,
      ack_wait: RESULT_WAIT_MS * NANOSECONDS,
      max_ack_pending: MAX_OPEN_RESULTS,
    };
  }
}

/** Throws the error unless it says that a stream or consumer does not exist. */
export function ignoreMissing(error: unknown): void {
  const { StreamNotFound, ConsumerNotFound } = JetStreamApiCodes;
  if (
    error instanceof JetStreamApiError && (error.code === StreamNotFound || error.code === ConsumerNotFound)
  ) return;
  throw error;
}
