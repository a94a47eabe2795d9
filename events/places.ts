// Where an event stands in a run: `<run>/<iteration>/<step>/<shard>/<chunk>`, deterministic, so that a redelivered result
// is a duplicate and not a second fact. Failures, retries, pauses and resumes carry a counter as their chunk.
export const STEP_ORDER = [
  "start",
  "load",
  "sft",
  "generate",
  "reward",
  "policy",
  "evaluate",
  "complete",
  "end",
] as const;
export type PlaceStep = typeof STEP_ORDER[number] | "failure" | "retry" | "pause" | "resume" | "run-failure";

export interface Place {
  iteration: number;
  step: PlaceStep;
  shard: number;
  chunk: number;
}

export function eventId(run: string, place: Place): string {
  return `${run}/${place.iteration}/${place.step}/${place.shard}/${place.chunk}`;
}
