// What the coordinator remembers: small plain data, constant at first, everything else comes from events.
// Left out on purpose: texts, tensors, measurements and time. Only digests, counts and names decide.
import { type EventData, eventId, type StepName } from "../events/mod.ts";

/** What happened to one command that failed at least once. */
export interface Trouble {
  /** Number of the newest attempt. Goes on after a resume, so that an old failure is known by its number. */
  readonly attempt: number;
  /** Failures since the run was started or resumed. */
  readonly failures: number;
  /** Why the newest attempt failed; null while it is outstanding. */
  readonly cause: string | null;
}

/** How far the step under way is. */
export interface Work {
  readonly step: StepName;
  readonly chunksDone: number;
  /** Saved state after the last chunk; null before the first. */
  readonly state: string | null;
  /** By command id; a command that never failed is not in it. */
  readonly troubles: Readonly<Record<string, Trouble>>;
}

/** Events that can happen any number of times; each kind is counted, which gives it its id. */
export type Incident = "failure" | "retry" | "pause" | "resume" | "run-failure";

export interface Context {
  /** Empty before RunStarted. */
  readonly run: string;
  readonly started: EventData<"RunStarted"> | null;
  readonly loaded: EventData<"DemonstrationsLoaded"> | null;
  readonly iteration: number;
  /** Null while nothing is to be done by an actor. */
  readonly work: Work | null;
  /** Artifacts of this iteration's generations by shard; null where a shard is missing. */
  readonly generations: readonly (string | null)[];
  /** The supervised policy: reference of the KL term. */
  readonly supervised: string | null;
  /** The newest policy. */
  readonly policy: string | null;
  /** The newest reward: raw network and normalised form. */
  readonly reward: { readonly raw: string; readonly reward: string } | null;
  readonly incidents: Readonly<Record<Incident, number>>;
}

export const initialContext: Context = {
  run: "",
  started: null,
  loaded: null,
  iteration: 0,
  work: null,
  generations: [],
  supervised: null,
  policy: null,
  reward: null,
  incidents: { failure: 0, retry: 0, pause: 0, resume: 0, "run-failure": 0 },
};

export function freshWork(step: StepName): Work {
  return { step, chunksDone: 0, state: null, troubles: {} };
}

/** Id of the next incident of a kind, or of the one `ahead` after it. */
export function nextIncidentId(context: Context, kind: Incident, ahead = 0): string {
  const { run, iteration, incidents } = context;
  return eventId(run, { iteration, step: kind, shard: 0, chunk: incidents[kind] + ahead });
}

/** A value that the statechart guarantees at this point; its absence is a bug. */
export function known<Value>(value: Value | null | undefined, name: string): Value {
  if (value === null || value === undefined) throw new Error(`Coordinator: "${name}" is not known yet`);
  return value;
}
