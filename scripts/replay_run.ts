// Replay: folds the recorded events of a run without any effect and compares today's decisions with the recorded ones.
// The chain of hashes is checked where the log is read; here it is the decisions that count.
import {
  commandsDigest,
  consequences,
  evolve,
  initialState,
  outstanding,
  type State,
} from "../actors/irl_coordinator.ts";
import { isPending } from "../actors/coordinator_consequences.ts";
import { type Command, readEvent, type RunEvent } from "../events/mod.ts";
import { ReplayMismatchError, SchemaError } from "../src/base/errors.ts";
import type { LogRecord } from "../src/store/event_log.ts";

export interface Replay {
  state: State;
  /** What is still to be done after the last event. */
  outstanding: Command[];
  /** How many events were folded. */
  events: number;
}

export interface ReplayOptions {
  /** Sequence number of the last event to fold; default: all. */
  until?: number;
  /** Named in errors. */
  file?: string;
}

/** Throws SchemaError on an event that cannot be read, ReplayMismatchError where code and history disagree. */
export function replayRun(records: readonly LogRecord[], options: ReplayOptions = {}): Replay {
  const { until = Infinity, file } = options;
  let state = initialState();
  let events = 0;
  for (const record of records) {
    if (record.seq > until) break;
    state = replayRecord(state, record, file);
    events++;
  }
  return { state, outstanding: outstanding(state), events };
}

/** The state after one more record, which must be what today's code would have recorded. */
export function replayRecord(state: State, record: LogRecord, file?: string): State {
  const { seq: sequence } = record;
  const event = eventOf(record, file);
  checkConsequence(state, event, sequence);
  const next = evolve(state, { ...event, run: record.run });
  if (next === state) {
    throw new ReplayMismatchError(
      `Replay with the version that wrote the log: today's code drops ${event.type} "${event.id}"`,
      { sequence },
    );
  }
  if (commandsDigest(next) !== record.commands) {
    const ids = outstanding(next).map(({ id }) => `"${id}"`).join(", ") || "nothing";
    throw new ReplayMismatchError(
      `Replay with the version that wrote the log: after ${event.type} it asked for other work than ${ids}`,
      { sequence },
    );
  }
  return next;
}

function eventOf(record: LogRecord, file: string | undefined): RunEvent {
  const reading = readEvent(record);
  if ("problem" in reading) throw new SchemaError(reading.problem, { file, line: record.seq });
  return reading.value;
}

/** Consequences follow their cause at once; only a crash can put a resume between them. */
function checkConsequence(state: State, event: RunEvent, sequence: number): void {
  const [pending] = consequences(state);
  if (pending === undefined || event.type === "RunResumed" || isPending(pending, event)) return;
  throw new ReplayMismatchError(
    `Replay with the version that wrote the log: today's code records ${pending.type} "${pending.id}" here, ` +
      `not ${event.type} "${event.id}"`,
    { sequence },
  );
}
