// The bus over the standard streams of child processes: the coordinator keeps the queues and brokers JSON lines.
// Needs nothing installed. The queues end with the coordinator, and so do its children.
import { Broker, type QueuedCommand } from "./broker.ts";
import { LineWriter, readLines } from "./lines.ts";
import { brokerCoordinator } from "./memory_bus.ts";
import { deadLetter, decodeMessage, parseBeat } from "./message.ts";
import { type ActorLine, formatCommandLine, formatLine, parseActorLine } from "./pipe_protocol.ts";
import type { CoordinatorBus, Role } from "./port.ts";

/** The coordinator's ends of one child's pipes. */
export interface ChildPipes {
  /** The child's standard input. */
  input: WritableStream<Uint8Array>;
  /** The child's standard output. */
  output: ReadableStream<Uint8Array>;
}

export interface PipeBus extends CoordinatorBus {
  /**
   * Serves one worker process of the role. Call it again with the new pipes after a restart: what the old process held
   * goes back to its queue, at the latest now and as a rule when its output ended. `worker` tells several of a role apart.
   */
  attach(role: Role, pipes: ChildPipes, options?: { worker?: number }): void;
}

export interface PipeBusOptions {
  /** Takes what a child prints besides the protocol. */
  onStrayLine?: (role: Role, line: string) => void;
}

export function createPipeBus(options: PipeBusOptions = {}, broker: Broker = new Broker()): PipeBus {
  const attachments = new Map<string, Attachment>();
  const coordinator = brokerCoordinator("pipe", broker);
  return {
    ...coordinator,
    attach: (role, pipes, { worker = 0 } = {}) => {
      const place = `${role} ${worker}`;
      attachments.get(place)?.abandon();
      attachments.set(
        place,
        new Attachment(role, { pipes, broker, onStrayLine: options.onStrayLine ?? (() => {}) }),
      );
    },
    close: async () => {
      await coordinator.close();
      await Promise.all([...attachments.values()].map((attachment) => attachment.close()));
    },
  };
}

/** One child process between its start and its end. */
class Attachment {
  readonly #role: Role;
  readonly #broker: Broker;
  readonly #writer: LineWriter;
  readonly #onStrayLine: (role: Role, line: string) => void;
  readonly #holder = Symbol("child process");
  readonly #ending = new AbortController();
  readonly #reading: Promise<void>;
  /** Numbers of the reports taken, so that one asked for twice counts once. */
  readonly #reported = new Set<number>();
  #asked = -1;
  #open: QueuedCommand | undefined;

  constructor(
    role: Role,
    options: { pipes: ChildPipes; broker: Broker; onStrayLine: (role: Role, line: string) => void },
  ) {
    this.#role = role;
    this.#broker = options.broker;
    this.#onStrayLine = options.onStrayLine;
    this.#writer = new LineWriter(options.pipes.input);
    this.#reading = readLines(options.pipes.output, {
      onLine: (line) => this.#receive(line),
      onTooLong: (start) => this.#broker.deadLetter(deadLetter("results", "a line without end", start)),
      signal: this.#ending.signal,
    }).then(() => this.#end());
  }

  /** The process was replaced. */
  abandon(): void {
    this.#end();
    this.#writer.abort();
  }

  /** Ends the child's input, which tells it to stop. */
  async close(): Promise<void> {
    this.#end();
    await Promise.all([this.#writer.close(), this.#reading]);
  }

  #end(): void {
    this.#ending.abort();
    this.#open = undefined;
    this.#broker.release(this.#role, this.#holder);
  }

  #receive(text: string): void | Promise<void> {
    const line = parseActorLine(text);
    if (line === undefined) return this.#onStrayLine(this.#role, text);
    // Late lines of a process that was given up: its command is somebody else's now.
    if (this.#ending.signal.aborted) return;
    return this.#serve(line);
  }

  #serve(line: ActorLine): void | Promise<void> {
    switch (line.bus) {
      case "beat": {
        const beat = parseBeat(line.beat);
        return beat === undefined ? undefined : this.#broker.beat(beat);
      }
      case "next":
        return void this.#giveNext(line.number);
      case "report":
        if (!this.#reported.has(line.number)) {
          this.#reported.add(line.number);
          this.#broker.offerResult(JSON.stringify(line.result ?? null));
        }
        return this.#done(line.number);
      case "ack":
        this.#settle();
        return this.#done(line.number);
      case "reject": {
        const rejected = this.#settle();
        if (rejected) this.#broker.deadLetter(deadLetter("commands", line.reason, rejected.text));
        return this.#done(line.number);
      }
      default:
        return line satisfies never;
    }
  }

  /** The actor asks again while it waits: the answer it may have missed is repeated, one still to come is not doubled. */
  async #giveNext(number: number): Promise<void> {
    if (number < this.#asked) return;
    if (number === this.#asked) {
      if (this.#open !== undefined) await this.#writer.write(formatCommandLine(number, this.#open.text));
      return;
    }
    this.#asked = number;
    while (true) {
      const queued = await this.#broker.take(this.#role, this.#holder, this.#ending.signal);
      if (queued === undefined) return;
      const decoded = decodeMessage(queued.text);
      if ("message" in decoded) {
        this.#open = queued;
        return await this.#writer.write(formatCommandLine(number, queued.text));
      }
      this.#broker.settle(this.#role, queued, this.#holder);
      this.#broker.deadLetter(deadLetter("commands", decoded.reason, queued.text));
    }
  }

  #settle(): QueuedCommand | undefined {
    const settled = this.#open;
    this.#open = undefined;
    if (settled !== undefined) this.#broker.settle(this.#role, settled, this.#holder);
    return settled;
  }

  #done(number: number): Promise<void> {
    return this.#writer.write(formatLine({ bus: "done", number }));
  }
}
