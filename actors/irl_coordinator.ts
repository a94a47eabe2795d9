// The IRL coordinator: Algorithm 1 as a statechart over recorded events, a pure fold. It decides; it does nothing itself.
// No clock, no bus, no log: the shell appends events, publishes what became outstanding and appends consequences.
//
//   RunStarted → loading → tuningSupervised → evaluating (k = 0) → completingIteration
//       ┌───────────────────────────────────────── k < K: k + 1 ────────────────────────┐
//       └→ generating → learningReward → optimisingPolicy → evaluating → completingIteration → completingRun → done
//   A run from a policy that is tuned already (--sft) goes from loading to evaluating.
//   RunPaused and RunFailed leave from any state but idle and done; RunResumed goes back to exactly there.
//
// state                | command it sent    | waits for            | unblocked by     | on failure
// idle                 | -                  | RunStarted           | shell            | -
// loading              | -                  | DemonstrationsLoaded | shell            | data are loaded again
// tuningSupervised     | TuneSupervised     | SupervisedTuned      | policy-optimizer | same command, next attempt, same key
// generating           | SampleGenerations  | GenerationsSampled   | generator        | that shard again, same key
// learningReward       | LearnReward        | RewardLearned        | reward-learner   | same command, next attempt, same key
// optimisingPolicy     | OptimisePolicy     | PolicyOptimised      | policy-optimizer | same command, next attempt, same key
// evaluating           | EvaluatePolicy     | PolicyEvaluated      | evaluator        | same command, next attempt, same key
// completingIteration  | -                  | IterationCompleted   | shell            | derived again
// completingRun        | -                  | RunCompleted         | shell            | derived again
// paused               | -                  | RunResumed           | shell            | -
// failed               | -                  | RunResumed           | shell            | -
// done                 | -                  | -                    | -                | -
// Every state between loading and completingRun also takes RunPaused, RunFailed, RunResumed, StepFailed, StepTimedOut and StepRetried.
// Generating waits for every shard; tuning, learning and optimising for their chunks, one after another.
import { assign, initialTransition, setup, type SnapshotFrom, transition } from "xstate";
import type { Command } from "../events/mod.ts";
import { digestOf } from "../src/base/canonical.ts";
import { openCommands } from "./coordinator_commands.ts";
import {
  afterFailures,
  isPending,
  iterationCompleted,
  type PendingEvent,
  runCompleted,
} from "./coordinator_consequences.ts";
import { type Context, type Incident, initialContext, nextIncidentId } from "./coordinator_context.ts";
import * as facts from "./coordinator_facts.ts";
import type { CoordinatorEvent } from "./coordinator_facts.ts";

export type { CoordinatorEvent, PendingEvent };

export const irlCoordinator = setup({
  // XState reads this field for its types only.
  types: {} as { context: Context; events: CoordinatorEvent },
}).createMachine({
  id: "irlCoordinator",
  context: initialContext,
  initial: "idle",
  states: {
    idle: {
      on: {
        RunStarted: {
          guard: ({ event }) => facts.startsRun(event),
          target: "running",
          actions: assign(({ context, event }) => facts.afterStart(context, event)),
        },
      },
    },
    running: {
      initial: "loading",
      on: {
        StepFailed: {
          guard: ({ context, event }) => facts.failsAttempt(context, event),
          actions: assign(({ context, event }) => facts.afterFailure(context, event)),
        },
        StepTimedOut: {
          guard: ({ context, event }) => facts.failsAttempt(context, event),
          actions: assign(({ context, event }) => facts.afterFailure(context, event)),
        },
        StepRetried: {
          guard: ({ context, event }) => facts.retries(context, event),
          actions: assign(({ context, event }) => facts.afterRetry(context, event.data)),
        },
        RunResumed: {
          guard: ({ context, event }) => facts.isNextIncident(context, "resume", event),
          description: "after a crash",
          actions: assign(({ context }) => facts.afterResume(context)),
        },
        RunPaused: {
          guard: ({ context, event }) => facts.isNextIncident(context, "pause", event),
          target: "paused",
          actions: assign(({ context }) => facts.counted(context, "pause")),
        },
        RunFailed: {
          guard: ({ context, event }) => facts.isNextIncident(context, "run-failure", event),
          target: "failed",
          actions: assign(({ context }) => facts.counted(context, "run-failure")),
        },
      },
      states: {
        loading: {
          on: {
            DemonstrationsLoaded: [
              {
                guard: ({ context, event }) => facts.loadsTuned(context, event),
                description: "tuned already",
                target: "evaluating",
                actions: assign(({ context, event }) => facts.afterLoadingTuned(context, event.data)),
              },
              {
                guard: ({ context, event }) => facts.loadsRun(context, event),
                target: "tuningSupervised",
                actions: assign(({ context, event }) => facts.afterLoading(context, event.data)),
              },
            ],
          },
        },
        tuningSupervised: {
          on: {
            SupervisedTuned: [
              {
                guard: ({ context, event }) => facts.answersLastChunk(context, event),
                description: "last chunk",
                target: "evaluating",
                actions: assign(({ context, event }) => facts.afterTuning(context, event.data)),
              },
              {
                guard: ({ context, event }) => facts.answers(context, event),
                description: "chunk",
                actions: assign(({ context, event }) => facts.afterChunk(context, event.data)),
              },
            ],
          },
        },
        generating: {
          on: {
            GenerationsSampled: [
              {
                guard: ({ context, event }) => facts.answersLastShard(context, event),
                description: "last shard",
                target: "learningReward",
                actions: assign(({ context, event }) => facts.afterLastShard(context, event.data)),
              },
              {
                guard: ({ context, event }) => facts.answers(context, event),
                description: "shard",
                actions: assign(({ context, event }) => facts.afterShard(context, event.data)),
              },
            ],
          },
        },
        learningReward: {
          on: {
            RewardLearned: [
              {
                guard: ({ context, event }) => facts.answersLastChunk(context, event),
                description: "last chunk",
                target: "optimisingPolicy",
                actions: assign(({ context, event }) => facts.afterLearning(context, event.data)),
              },
              {
                guard: ({ context, event }) => facts.answers(context, event),
                description: "chunk",
                actions: assign(({ context, event }) => facts.afterChunk(context, event.data)),
              },
            ],
          },
        },
        optimisingPolicy: {
          on: {
            PolicyOptimised: [
              {
                guard: ({ context, event }) => facts.answersLastChunk(context, event),
                description: "last chunk",
                target: "evaluating",
                actions: assign(({ context, event }) => facts.afterOptimising(context, event.data)),
              },
              {
                guard: ({ context, event }) => facts.answers(context, event),
                description: "chunk",
                actions: assign(({ context, event }) => facts.afterChunk(context, event.data)),
              },
            ],
          },
        },
        evaluating: {
          on: {
            PolicyEvaluated: {
              guard: ({ context, event }) => facts.answers(context, event),
              target: "completingIteration",
              actions: assign({ work: null }),
            },
          },
        },
        completingIteration: {
          on: {
            IterationCompleted: [
              {
                guard: ({ context, event }) =>
                  isPending(iterationCompleted(context), event) && facts.isLastIteration(context),
                description: "last iteration",
                target: "completingRun",
              },
              {
                guard: ({ context, event }) => isPending(iterationCompleted(context), event),
                description: "next iteration",
                target: "generating",
                actions: assign(({ context }) => facts.afterIteration(context)),
              },
            ],
          },
        },
        completingRun: {
          on: {
            RunCompleted: {
              guard: ({ context, event }) => isPending(runCompleted(context), event),
              target: "#done",
            },
          },
        },
        whereItWas: { type: "history" },
      },
    },
    paused: {
      on: {
        RunResumed: {
          guard: ({ context, event }) => facts.isNextIncident(context, "resume", event),
          target: "running.whereItWas",
          actions: assign(({ context }) => facts.afterResume(context)),
        },
      },
    },
    failed: {
      on: {
        RunResumed: {
          guard: ({ context, event }) => facts.isNextIncident(context, "resume", event),
          target: "running.whereItWas",
          actions: assign(({ context }) => facts.afterResume(context)),
        },
      },
    },
    done: { id: "done", type: "final" },
  },
});

export type State = SnapshotFrom<typeof irlCoordinator>;
type RunningState = Exclude<State["value"], string>["running"];
export type StateName = Exclude<State["value"], object> | RunningState;

export function initialState(): State {
  return initialTransition(irlCoordinator)[0];
}

/** The state after an event; the same reference when the event changes nothing (duplicate, late, foreign, out of order). */
export function evolve(state: State, event: CoordinatorEvent): State {
  if (state.context.run !== "" && state.context.run !== event.run) return state;
  return transition(irlCoordinator, state, event)[0];
}

/** Where the run is, as one word. */
export function stateName(state: State): StateName {
  return typeof state.value === "string" ? state.value : state.value.running;
}

/** Commands still to be done, in a fixed order; none while the run is paused, failed or done. */
export function outstanding(state: State): Command[] {
  if (!state.matches("running")) return [];
  const troubles = state.context.work?.troubles ?? {};
  return openCommands(state.context).filter(({ id }) => (troubles[id]?.cause ?? null) === null);
}

/** Events that must be appended now, in this order, because nothing more is needed for them. */
export function consequences(state: State): PendingEvent[] {
  if (state.matches({ running: "completingIteration" })) return [iterationCompleted(state.context)];
  if (state.matches({ running: "completingRun" })) return [runCompleted(state.context)];
  return state.matches("running") ? afterFailures(state.context) : [];
}

/** Id that the next event of a repeatable kind must carry, e.g. "failure" for StepFailed and StepTimedOut. */
export function incidentId(state: State, kind: Incident): string {
  return nextIncidentId(state.context, kind);
}

/** What the log keeps beside each event: replay notices code that would have asked for other work. */
export function commandsDigest(state: State): string {
  return digestOf(outstanding(state));
}

/** Commands that became outstanding between two states. */
export function newCommands(previous: State, next: State): Command[] {
  const known = new Set(outstanding(previous).map(attemptName));
  return outstanding(next).filter((command) => !known.has(attemptName(command)));
}

function attemptName({ id, attempt }: Command): string {
  return `${id}#${attempt}`;
}
