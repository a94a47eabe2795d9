// What the four compute actors share: a statechart that takes one command at a time, has it computed and reports the answer.
// It opens no connection and owns no timer: bus, compute, timer and process id are handed in. Tensors live behind `compute`.
//
//   idle → working → reporting → idle
//
// state     | does                                   | left when
// idle      | waits for the next command of its role | one comes; an unusable one is rejected, and it waits on
// working   | has the command computed, sends beats  | there is an answer: the event's data, or what went wrong
// reporting | hands the answer to the bus, then acks | the bus holds it
// stopped   | -                                      | - (after Stop or the end of the bus; an open command goes back)
// failed    | -                                      | - (the bus broke; the process ends and is started again)
import { assign, fromPromise, setup } from "xstate";
import { Command, type Result, type ResultMeta, type Role } from "../events/mod.ts";
import type { Progress } from "../src/base/ports.ts";
import type { ActorBus, Beat, CommandDelivery } from "../src/bus/port.ts";
import type { StepOutcome, StepPorts } from "../src/irl/step_ports.ts";
import { failureResult, resultOf } from "./compute_result.ts";

/** Where commands are computed: in a Worker of this process, or in the process itself. */
export interface ComputePort {
  run(
    command: Command,
    onProgress: (progress: Progress) => void,
  ): Promise<{ data: unknown; meta: ResultMeta }>;
}

export interface Timer {
  /** Calls back again and again; returns what ends it. */
  every(intervalMs: number, callback: () => void): () => void;
}

export interface ComputeActorInput {
  readonly bus: ActorBus;
  readonly compute: ComputePort;
  readonly timer: Timer;
  readonly pid: number;
}

/** One of the four actors: its role, the commands it takes, and its work, whose code is loaded only where it runs. */
export interface ComputeActor {
  readonly role: Role;
  readonly takes: readonly Command["type"][];
  work(command: Command, ports: StepPorts): Promise<StepOutcome<unknown>>;
  /** Its output is why it ended: null after Stop. */
  readonly machine: ReturnType<typeof computeMachine>;
}

interface Failure {
  readonly name: string;
  readonly message: string;
}

/** A command in hand. */
interface Job {
  readonly delivery: CommandDelivery;
  readonly command: Command;
}

interface Context {
  readonly ports: ComputeActorInput;
  readonly job: Job | null;
  readonly result: Result | null;
  readonly failure: Failure | null;
}

/** Without progress a beat still comes this often. */
export const BEAT_INTERVAL_MS = 1000;

export function computeActor(definition: Omit<ComputeActor, "machine">): ComputeActor {
  return { ...definition, machine: computeMachine(definition) };
}

/** What a work function throws at a command that is not its own; the statechart has rejected such a command before. */
export function wrongCommand(role: Role, command: Command): Error {
  return new Error(`Send ${command.type} to "${command.role}": "${role}" does not do it`);
}

function computeMachine({ role, takes }: Pick<ComputeActor, "role" | "takes">) {
  return setup({
    // XState reads this field for its types only.
    types: {} as {
      context: Context;
      input: ComputeActorInput;
      output: Failure | null;
      events: { type: "Stop" };
    },
    actors: {
      take: fromPromise<Job | "unusable" | "ended", { ports: ComputeActorInput }>(
        ({ input, signal }) => take(input.ports.bus, takes, signal),
      ),
      compute: fromPromise<Result, { ports: ComputeActorInput; job: Job | null }>(
        ({ input, signal }) => compute(input.ports, inHand(input.job), signal),
      ),
      report: fromPromise<void, { ports: ComputeActorInput; job: Job | null; result: Result | null }>(
        ({ input }) => report(input.ports.bus, inHand(input.job), inHand(input.result)),
      ),
    },
  }).createMachine({
    id: role,
    context: ({ input }) => ({ ports: input, job: null, result: null, failure: null }),
    output: ({ context }) => context.failure,
    initial: "idle",
    on: { Stop: ".stopped" },
    states: {
      idle: {
        invoke: {
          src: "take",
          input: ({ context }) => context,
          onDone: [
            {
              guard: ({ event }) => event.output === "ended",
              description: "bus ended",
              target: "stopped",
            },
            {
              guard: ({ event }) => event.output === "unusable",
              description: "unusable command",
              target: "idle",
              reenter: true,
            },
            {
              description: "command",
              target: "working",
              actions: assign({ job: ({ event }) => typeof event.output === "string" ? null : event.output }),
            },
          ],
          onError: {
            description: "bus broke",
            target: "failed",
            actions: assign({ failure: ({ event }) => failureOf(event.error) }),
          },
        },
      },
      working: {
        invoke: {
          src: "compute",
          input: ({ context }) => context,
          onDone: {
            description: "answer",
            target: "reporting",
            actions: assign({ result: ({ event }) => event.output }),
          },
          onError: {
            description: "a bug",
            target: "failed",
            actions: assign({ failure: ({ event }) => failureOf(event.error) }),
          },
        },
      },
      reporting: {
        invoke: {
          src: "report",
          input: ({ context }) => context,
          onDone: { description: "reported", target: "idle", actions: assign({ job: null, result: null }) },
          onError: {
            description: "bus broke",
            target: "failed",
            actions: assign({ failure: ({ event }) => failureOf(event.error) }),
          },
        },
      },
      stopped: { type: "final" },
      failed: { type: "final" },
    },
  });
}

async function take(
  bus: ActorBus,
  takes: readonly Command["type"][],
  signal: AbortSignal,
): Promise<Job | "unusable" | "ended"> {
  const delivery = await bus.next(signal);
  if (delivery === undefined) return "ended";
  const parsed = Command.safeParse(delivery.command);
  if (parsed.success && takes.includes(parsed.data.type)) return { delivery, command: parsed.data };
  const issues = parsed.error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  await delivery.reject(issues?.join("; ") ?? `not a command of this actor: ${parsed.data?.type}`);
  return "unusable";
}

/** Never rejects because of the work: what goes wrong there is an answer too. */
async function compute(
  { bus, compute, timer, pid }: ComputeActorInput,
  { command }: Job,
  signal: AbortSignal,
): Promise<Result> {
  const { role, id, attempt } = command;
  let beat: Beat = { role, pid, command: id, attempt };
  bus.beat(beat);
  const endBeats = timer.every(BEAT_INTERVAL_MS, () => bus.beat(beat));
  signal.addEventListener("abort", endBeats, { once: true });
  try {
    const outcome = await compute.run(command, (progress) => {
      if (signal.aborted) return;
      beat = { role, pid, command: id, attempt, ...progress };
      bus.beat(beat);
    });
    return resultOf(command, outcome);
  } catch (error) {
    return failureResult(command, error);
  } finally {
    signal.removeEventListener("abort", endBeats);
    if (!signal.aborted) endBeats();
  }
}

/** Acknowledged only when the bus holds the answer: a crash between the two has the work done again, never lost. */
async function report(bus: ActorBus, { delivery }: Job, result: Result): Promise<void> {
  await bus.report(result);
  await delivery.ack();
}

/** What the statechart guarantees in these states; its absence is a bug. */
function inHand<Value>(value: Value | null): Value {
  if (value === null) throw new Error("Compute actor: no command in hand");
  return value;
}

function failureOf(error: unknown): Failure {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: "Error", message: String(error) };
}
