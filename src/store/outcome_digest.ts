// `digests.outcome`: what a run did, without when, where, in which order and after how many tries.
// Equal for an undisturbed run, a crashed and resumed one, and the sequential algorithm on the same compute tier.
import { createHash } from "node:crypto";
import { canonicalJson } from "../base/canonical.ts";
import { SchemaError } from "../base/errors.ts";

/** What the digest reads of a record. `id` is `<run>/<iteration>/<step>/<shard>/<chunk>`; `data` must not name the run. */
export interface OutcomeEvent {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
}

/** How a run got there, not where it got. */
const excludedTypes: ReadonlySet<string> = new Set([
  "StepFailed",
  "StepRetried",
  "StepTimedOut",
  "RunPaused",
  "RunResumed",
  "RunFailed",
]);

/**
 * sha256 over one line of canonical `[type,data]` per event, ordered by iteration, step, shard and chunk.
 * `stepOrder` lists the steps of an iteration as they occur in ids; an id of another form or step is a SchemaError.
 */
export function outcomeDigest(events: Iterable<OutcomeEvent>, stepOrder: readonly string[]): string {
  const placed = [...events].filter((event) => !excludedTypes.has(event.type))
    .map((event) => ({ event, place: placeOf(event, stepOrder) }))
    .sort((a, b) => comparePlaces(a.place, b.place));
  const hash = createHash("sha256");
  for (const { event } of placed) hash.update(`${canonicalJson([event.type, event.data])}\n`);
  return hash.digest("hex");
}

/** Iteration, step, shard, chunk. */
type Place = readonly [number, number, number, number];

function placeOf({ id, type }: OutcomeEvent, stepOrder: readonly string[]): Place {
  const parts = /^[^/]+\/(0|[1-9]\d*)\/([^/]+)\/(0|[1-9]\d*)\/(0|[1-9]\d*)$/.exec(id);
  const step = parts === null ? -1 : stepOrder.indexOf(parts[2]);
  if (parts === null || step < 0) {
    throw new SchemaError(
      `Give ids of the form <run>/<iteration>/<step>/<shard>/<chunk> with a step of ${
        stepOrder.join(", ")
      }: ` +
        `${type} has "${id}"`,
    );
  }
  return [Number(parts[1]), step, Number(parts[3]), Number(parts[4])];
}

function comparePlaces(a: Place, b: Place): number {
  const axis = a.findIndex((value, i) => value !== b[i]);
  return axis < 0 ? 0 : a[axis] - b[axis];
}
