// A run without compute: actors whose answers are hashes of the command, a shell that appends, folds and publishes.
// Everything but the attempt enters an answer, so a wrong key, digest or chunk shows in the last digests.
import { type Command, EVENT_OF_COMMAND, RunConfig, type RunEvent } from "../../events/mod.ts";
import {
  commandsDigest,
  consequences,
  evolve,
  initialState,
  outstanding,
  type State,
} from "../../actors/irl_coordinator.ts";
import { runPaused, runResumed, stepFailed, stepTimedOut } from "../../actors/incident_events.ts";
import { failurePlace } from "../../actors/failure_place.ts";
import { digestOf } from "../../src/base/canonical.ts";
import { keyFromSeed } from "../../src/base/random.ts";
import type { LogRecord, NewRecord } from "../../src/store/event_log.ts";
import { openMemoryLog } from "../../src/store/memory_log.ts";

export interface SimulatedSize {
  run?: string;
  iterations?: number;
  shards?: number;
  maxAttempts?: number;
  start?: RunConfig["model"]["start"];
  /** Instead of the four above. */
  config?: RunConfig;
}

/** A configuration of a handful of training steps: 3 chunks of tuning, 2 of reward learning, 2 of policy optimisation. */
export function simulatedConfig(
  { iterations = 2, shards = 2, maxAttempts = 3, start = "fresh" }: SimulatedSize = {},
): RunConfig {
  return RunConfig.parse({
    preset: "simulated",
    seed: 7,
    iterations,
    task: { demonstrations: 60, prompts: 90, evaluationPrompts: 20 },
    model: { start },
    supervised: { epochs: 5, batchSize: 10, chunkSteps: 10 },
    generation: { shards, negatives: 2 },
    reward: { epochs: 1, batchSize: 10, chunkSteps: 6 },
    policy: { steps: 8, chunkSteps: 5 },
    supervision: { maxAttempts },
  });
}

export function artifact(...parts: unknown[]): string {
  return `sha256:${digestOf(parts)}`;
}

/** The two events that every run begins with. */
export function openingEvents(size: SimulatedSize = {}): [RunEvent, RunEvent] {
  const run = size.run ?? "simulated";
  const config = size.config ?? simulatedConfig(size);
  const { demonstrations: numDemonstrations, prompts: numPrompts } = config.task;
  return [
    {
      type: "RunStarted",
      id: `${run}/0/start/0/0`,
      data: {
        v: 1,
        config,
        key: keyFromSeed(config.seed),
        tier: { name: "cpu", variant: "simulated", threads: 1, engine: "none" },
        software: "0.1.0",
      },
    },
    {
      type: "DemonstrationsLoaded",
      id: `${run}/0/load/0/0`,
      data: {
        v: 1,
        sources: {},
        counts: { drawn: numDemonstrations ?? 0 },
        demonstrations: artifact("demonstrations"),
        prompts: artifact("prompts"),
        evaluation: artifact("evaluation"),
        preferences: null,
        tokenizer: artifact("tokenizer"),
        base: config.model.start === "fresh" ? null : artifact("base"),
        numDemonstrations: numDemonstrations ?? 1,
        numPrompts: numPrompts ?? 1,
        numEvaluationPrompts: config.task.evaluationPrompts,
        vocabularySize: 40,
        gold: { name: "made-up", version: "1" },
      },
    },
  ];
}

/** The success of a command, as its actor would report it: a pure function of everything but the attempt. */
export function answerTo(command: Command): RunEvent {
  const { attempt: _attempt, run: _run, id, ...inputs } = command;
  const product = (name: string) => artifact(inputs, name);
  const { iteration, shard, key } = command;
  const v = 1 as const;
  switch (command.type) {
    case "SampleGenerations":
      return {
        type: EVENT_OF_COMMAND[command.type],
        id,
        data: {
          v,
          iteration,
          shard,
          key,
          generations: product("generations"),
          numGenerations: 60,
          tokensGenerated: 600,
          finishedShare: 1,
        },
      };
    case "EvaluatePolicy": {
      const row = { negativeLogLikelihood: 1.5, meanLength: 10, distinct2: 0.5 };
      return {
        type: EVENT_OF_COMMAND[command.type],
        id,
        data: {
          v,
          iteration,
          key,
          policy: row,
          demonstrations: iteration === 0 ? row : null,
          reward: command.reward === null ? null : { margin: 0.5 },
          samples: [],
          texts: product("texts"),
          tokensGenerated: 100,
        },
      };
    }
    case "TuneSupervised":
    case "LearnReward":
    case "OptimisePolicy":
      return { ...chunkAnswer(command, product), id };
    default:
      return command satisfies never;
  }
}

type ChunkCommand = Extract<Command, { fromStep: number }>;

function chunkAnswer(command: ChunkCommand, product: (name: string) => string): RunEvent {
  const { id, iteration, chunk, key, fromStep, toStep, numSteps } = command;
  const common = {
    iteration,
    chunk,
    key,
    fromStep,
    toStep,
    numSteps,
    state: product("state"),
    tokensTrained: 10,
  };
  const last = toStep === numSteps;
  const policy = last ? product("policy") : null;
  switch (command.type) {
    case "TuneSupervised":
      return { type: "SupervisedTuned", id, data: { v: 1, ...common, loss: 1, policy } };
    case "LearnReward": {
      const measured = {
        heldOutPairAccuracy: 0.7,
        heldOutLoss: 0.6,
        calibration: 1,
        shift: 0,
        numPairs: 120,
      };
      const result = last ? { raw: product("raw"), reward: product("reward"), ...measured } : null;
      return { type: "RewardLearned", id, data: { v: 1, ...common, loss: 0.6, result } };
    }
    case "OptimisePolicy":
      return {
        type: "PolicyOptimised",
        id,
        data: { v: 1, ...common, tokensGenerated: 50, reward: 0.1, kl: 0.2, objective: 0.04, policy },
      };
    default:
      return command satisfies never;
  }
}

/** The failure of a command, as its actor would report it. */
export function failureOf(state: State, command: Command, message = "Out of memory"): RunEvent {
  return stepFailed(state, { v: 1, ...failurePlace(command), reason: "error", message });
}

export function timeOutOf(state: State, command: Command, stallMs = 300_000): RunEvent {
  return stepTimedOut(state, command, stallMs);
}

export function pauseOf(state: State): RunEvent {
  return runPaused(state, "interrupted");
}

export function resumeOf(state: State): RunEvent {
  return runResumed(state, "0.1.0");
}

/** What was appended, with the state after each event: the writer's side of a shell. */
export interface Journal {
  readonly run: string;
  readonly records: readonly NewRecord[];
  readonly events: readonly RunEvent[];
  readonly state: State;
  /** Appends the event and its consequences; false when the fold drops it. */
  append(event: RunEvent): boolean;
  /** Appends the event without what follows from it. */
  appendAlone(event: RunEvent): boolean;
}

export interface JournalOptions {
  run?: string;
  /** Time of the n-th record. */
  at?: (index: number) => string;
}

export function openJournal(options: JournalOptions = {}): Journal {
  const { run = "simulated", at = (index) => new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString() } =
    options;
  const records: NewRecord[] = [], events: RunEvent[] = [];
  let state = initialState();
  const adopt = (event: RunEvent): boolean => {
    const next = evolve(state, { ...event, run });
    if (next === state) return false;
    state = next;
    deepFreeze(state.context);
    deepFreeze(event);
    events.push(event);
    const { type, id, data } = event;
    records.push({ type, id, data, meta: {}, at: at(records.length), commands: commandsDigest(state) });
    return true;
  };
  return {
    run,
    records,
    events,
    get state() {
      return state;
    },
    appendAlone: adopt,
    append(event) {
      if (!adopt(event)) return false;
      for (let pending = consequences(state); pending.length > 0; pending = consequences(state)) {
        for (const follower of pending) {
          if (!adopt(follower)) throw new Error(`The fold dropped its own consequence ${follower.id}`);
        }
      }
      return true;
    },
  };
}

/** A fold that changes what it was given would throw. */
function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(deepFreeze);
}

/** What was appended, as the log of a run. */
export function logOf(journal: Journal): readonly LogRecord[] {
  return openMemoryLog(journal.run).log.append(journal.records, 0);
}

/** A run in which nothing goes wrong. */
export function undisturbedRun(size: SimulatedSize = {}): Journal {
  const journal = openJournal({ run: size.run });
  for (const event of openingEvents(size)) journal.append(event);
  for (let next = outstanding(journal.state)[0]; next !== undefined; next = outstanding(journal.state)[0]) {
    if (!journal.append(answerTo(next))) throw new Error(`The fold dropped the answer to ${next.id}`);
  }
  return journal;
}
