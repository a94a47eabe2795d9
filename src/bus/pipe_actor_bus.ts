// The actor's side of the pipe bus: asks the coordinator over the process's own standard streams.
// Ends when its input ends, which is how a child process learns that its coordinator is gone.
import { BusError } from "../base/errors.ts";
import { LineWriter, readLines } from "./lines.ts";
import { closedBus, commandStillOpen, encodeMessage } from "./message.ts";
import { type ActorLine, formatLine, parseCoordinatorLine } from "./pipe_protocol.ts";
import type { ActorBus, Beat, BusResult, CommandDelivery, Role } from "./port.ts";
import { orAborted } from "./wait.ts";

/** The process's own ends: `input` is its standard input, `output` its standard output. */
export interface ActorPipes {
  input: ReadableStream<Uint8Array>;
  output: WritableStream<Uint8Array>;
}

export interface PipeActorBus extends ActorBus {
  readonly role: Role;
  /** Resolves when the input has ended: the coordinator closed the bus or died. */
  readonly ended: Promise<void>;
}

export interface PipeActorBusOptions {
  /** Time after which an unanswered question is asked again. @default 5000 */
  askAgainMs?: number;
}

export function createPipeActorBus(
  role: Role,
  pipes: ActorPipes,
  options: PipeActorBusOptions = {},
): PipeActorBus {
  return new PipeActor(role, { pipes, askAgainMs: options.askAgainMs ?? 5000 });
}

interface Question {
  line: string;
  answer: (command: unknown) => void;
  giveUp: (reason: Error) => void;
}

class PipeActor implements PipeActorBus {
  readonly role: Role;
  readonly ended: Promise<void>;
  readonly #writer: LineWriter;
  readonly #ending = new AbortController();
  readonly #questions = new Map<number, Question>();
  readonly #timer: ReturnType<typeof setInterval>;
  #number = 0;
  /** The present question for a command; outlives an aborted `next`, so that its answer is not lost. */
  #wanted: Promise<unknown> | undefined;
  #open = false;

  constructor(role: Role, options: { pipes: ActorPipes; askAgainMs: number }) {
    this.role = role;
    this.#writer = new LineWriter(options.pipes.output);
    this.#timer = setInterval(() => this.#askAgain(), options.askAgainMs);
    this.ended = readLines(options.pipes.input, {
      onLine: (line) => this.#receive(line),
      onTooLong: () => {},
      signal: this.#ending.signal,
    }).then(() => this.#end());
  }

  async next(signal: AbortSignal): Promise<CommandDelivery | undefined> {
    if (this.#open) throw commandStillOpen();
    if (signal.aborted || this.#ending.signal.aborted) return undefined;
    this.#wanted ??= this.#ask((number) => ({ bus: "next", number }));
    const stop = AbortSignal.any([signal, this.#ending.signal]);
    const answer = await orAborted(this.#wanted.then((command) => ({ command })), stop);
    if (answer === undefined) return undefined;
    this.#wanted = undefined;
    this.#open = true;
    return {
      command: answer.command,
      working: () => {},
      ack: () => this.#settle((number) => ({ bus: "ack", number })),
      reject: (reason) => this.#settle((number) => ({ bus: "reject", number, reason })),
    };
  }

  async report(result: BusResult): Promise<void> {
    encodeMessage(result);
    await this.#ask((number) => ({ bus: "report", number, result }));
  }

  beat(beat: Beat): void {
    // A coordinator that does not read must not make this process hoard beats.
    if (this.#writer.pending === 0 && !this.#ending.signal.aborted) {
      void this.#writer.write(formatLine({ bus: "beat", beat }));
    }
  }

  async close(): Promise<void> {
    this.#end();
    await Promise.all([this.#writer.close(), this.ended]);
  }

  /** The coordinator forgets the command when it loses this process, so an unanswered one is settled as well. */
  async #settle(format: (number: number) => ActorLine): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#ask(format).catch(() => {});
  }

  #ask(format: (number: number) => ActorLine): Promise<unknown> {
    if (this.#ending.signal.aborted) return Promise.reject(closedBus());
    const number = this.#number++;
    const line = formatLine(format(number));
    const asked = new Promise<unknown>((answer, giveUp) =>
      this.#questions.set(number, { line, answer, giveUp })
    );
    asked.catch(() => {});
    void this.#writer.write(line);
    return asked;
  }

  #askAgain(): void {
    if (this.#writer.pending > 0) return;
    for (const { line } of this.#questions.values()) void this.#writer.write(line);
  }

  #receive(text: string): void {
    const line = parseCoordinatorLine(text);
    if (line === undefined) return;
    const question = this.#questions.get(line.number);
    this.#questions.delete(line.number);
    question?.answer(line.bus === "command" ? line.command : undefined);
  }

  #end(): void {
    this.#ending.abort();
    clearInterval(this.#timer);
    for (const { giveUp } of this.#questions.values()) {
      giveUp(new BusError("Start the run again: the coordinator is gone"));
    }
    this.#questions.clear();
  }
}
