// One connection to a NATS server with JetStream that outlives restarts of the server, up to a stated patience.
// Decides when a server counts as lost; knows nothing of queues and messages.
import { connect, errors, type NatsConnection } from "nats";
import {
  jetstream,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
} from "nats/jetstream";
import { BusError } from "../base/errors.ts";
import { closedBus } from "./message.ts";
import { type NatsAddress, printableAddress, serverOptions } from "./nats_address.ts";
import { delay, orAborted } from "./wait.ts";

export interface NatsLinkOptions extends NatsAddress {
  /** Shown by the server's monitoring. */
  name: string;
  /** How long to go on without a server before giving up. @default 60000 */
  patienceMs?: number;
}

const REQUEST_TIMEOUT_MS = 2000, RECONNECT_MS = 500, DRAIN_MS = 1000;
/** The error code of a stream with `max_msg_size`. */
const MESSAGE_TOO_BIG = 10054;
const FIRST_WAIT_MS = 50, LONGEST_WAIT_MS = 1000;

export async function openNatsLink(options: NatsLinkOptions): Promise<NatsLink> {
  const patienceMs = options.patienceMs ?? 60_000;
  const connection = await connectPatiently(options, patienceMs);
  try {
    checkVersion(connection);
    const manager = await managerOf(connection);
    return new NatsLink(connection, { manager, patienceMs, url: options.url });
  } catch (error) {
    await connection.close();
    throw error;
  }
}

export class NatsLink {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly jetstream: JetStreamClient;
  readonly #patienceMs: number;
  readonly #where: string;
  readonly #ending = new AbortController();
  /** The server's last complaint, such as a missing permission; requests that it concerns only time out. */
  #complaint: Error | undefined;
  readonly #renewalListeners: (() => void)[] = [];
  #renewing = new AbortController();
  #connected = true;
  #closing = false;
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor(
    connection: NatsConnection,
    options: { manager: JetStreamManager; patienceMs: number; url: string },
  ) {
    this.connection = connection;
    this.manager = options.manager;
    this.jetstream = jetstream(connection, { timeout: REQUEST_TIMEOUT_MS });
    this.#patienceMs = options.patienceMs;
    this.#where = printableAddress(options.url);
    void this.#watch();
    void connection.closed().then((error) =>
      this.#end(this.#closing ? closedBus() : this.#lostError(error ?? undefined))
    );
  }

  /** Aborts, with a BusError as its reason, when the server is given up or the link is closed. */
  get ended(): AbortSignal {
    return this.#ending.signal;
  }

  get connected(): boolean {
    return this.#connected && !this.ended.aborted;
  }

  /** Aborts when the connection is renewed; then there is another signal. The server may have lost its memory. */
  get renewed(): AbortSignal {
    return this.#renewing.signal;
  }

  onRenewal(listener: () => void): void {
    this.#renewalListeners.push(listener);
  }

  /**
   * Repeats an operation that may be repeated until it succeeds; BusError after the patience, or when the link ends.
   * A try whose connection was renewed is not waited for: its question went to a server that is gone. It sees its
   * signal abort and must do no more.
   */
  async retry<Value>(
    what: string,
    operation: (signal: AbortSignal) => Promise<Value>,
    onFailure: () => Promise<void> = () => Promise.resolve(),
  ): Promise<Value> {
    const giveUpAt = performance.now() + this.#patienceMs;
    for (let wait = FIRST_WAIT_MS;; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      const moot = AbortSignal.any([this.ended, this.renewed]);
      try {
        const outcome = await orAborted(operation(moot).then((value) => ({ value })), moot);
        if (outcome !== undefined) return outcome.value;
      } catch (error) {
        if (isPermanent(error) || (this.connected && performance.now() > giveUpAt)) {
          const why = this.#complaint?.message ?? (error instanceof Error ? error.message : String(error));
          throw new BusError(`Check the NATS server at ${this.#where}: could not ${what}: ${why}`, {
            cause: error,
          });
        }
        await orAborted(onFailure().catch(() => {}), moot);
      }
      if (!moot.aborted) await delay(wait, moot);
      this.ended.throwIfAborted();
      if (moot.aborted) wait = FIRST_WAIT_MS / 2;
    }
  }

  /** Sends what is still to be sent, unless the server is away, and disconnects. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.connected) {
      const drained = new AbortController();
      const limit = delay(DRAIN_MS, AbortSignal.any([this.ended, drained.signal]));
      await Promise.race([this.connection.drain().catch(() => {}), limit]);
      drained.abort();
    }
    this.#end(closedBus());
    await this.connection.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === "disconnect") {
        this.#connected = false;
        this.#patience ??= setTimeout(() => this.#end(this.#lostError()), this.#patienceMs);
      } else if (status.type === "reconnect") {
        this.#connected = true;
        this.#complaint = undefined;
        clearTimeout(this.#patience);
        this.#patience = undefined;
        this.#renewing.abort();
        this.#renewing = new AbortController();
        for (const listener of this.#renewalListeners) listener();
      } else if (status.type === "error") {
        this.#complaint = status.error;
      }
    }
  }

  #lostError(cause?: Error): BusError {
    const seconds = Math.round(this.#patienceMs / 1000);
    const why = cause === undefined ? `it was away for ${seconds} seconds` : cause.message;
    return new BusError(`Start the NATS server at ${this.#where} again: ${why}`, { cause });
  }

  #end(reason: BusError): void {
    clearTimeout(this.#patience);
    if (this.ended.aborted) return;
    this.#ending.abort(reason);
    // A server that was given up must not be connected to any more.
    void this.connection.close();
  }
}

/** The client's own waiting for a first connection knows no end, so it is done here. */
async function connectPatiently(options: NatsLinkOptions, patienceMs: number): Promise<NatsConnection> {
  const giveUpAt = performance.now() + patienceMs;
  const never = new AbortController().signal;
  while (true) {
    try {
      return await connect({
        ...serverOptions(options),
        name: options.name,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RECONNECT_MS,
        reconnectJitter: RECONNECT_MS / 5,
        timeout: Math.min(5000, Math.max(patienceMs, 100)),
        waitOnFirstConnect: false,
      });
    } catch (error) {
      const where = printableAddress(options.url);
      if (isPermanent(error)) {
        throw new BusError(`Check token or password of the NATS server at ${where}: it refused them`, {
          cause: error,
        });
      }
      if (performance.now() > giveUpAt) {
        const why = error instanceof Error ? error.message : String(error);
        throw new BusError(`Start a NATS server at ${where} or choose another bus: ${why}`, { cause: error });
      }
      await delay(RECONNECT_MS, never);
    }
  }
}

async function managerOf(connection: NatsConnection): Promise<JetStreamManager> {
  try {
    return await jetstreamManager(connection, { timeout: REQUEST_TIMEOUT_MS });
  } catch (error) {
    const where = connection.getServer();
    const away = error instanceof errors.TimeoutError || error instanceof errors.ClosedConnectionError;
    const advice = away
      ? `Try again: the NATS server at ${where} does not answer`
      : `Start the NATS server at ${where} with JetStream (-js): it has none for this account`;
    throw new BusError(advice, { cause: error });
  }
}

function checkVersion(connection: NatsConnection): void {
  const version = connection.info?.version ?? "0.0.0";
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part));
  if (major > 2 || (major === 2 && minor >= 10)) return;
  throw new BusError(`Use nats-server 2.10 or newer: ${connection.getServer()} runs ${version}`);
}

/** Trying again does not help. */
function isPermanent(error: unknown): boolean {
  return error instanceof errors.AuthorizationError || error instanceof errors.PermissionViolationError ||
    error instanceof errors.InvalidArgumentError ||
    (error instanceof JetStreamApiError && error.code === MESSAGE_TOO_BIG);
}
