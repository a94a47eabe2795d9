// How many calls of compiled functions are worth running at the same time.
import { computesOnNvidia } from "./native_gpu.ts";
import type { TierDescription } from "./tier.ts";

/** What is known of a tier, open or planned. */
type PlannedTier = Pick<TierDescription, "name" | "threads"> & Partial<TierDescription>;

/** Calls at a time: each has its own activations. */
const MOST_LANES = 4;

/**
 * Single operations of a compiled program are too small for all threads, so there two calls fill each other's gaps. A GPU takes one
 * program after the other; elsewhere a call has all threads in every operation.
 */
export function lanesOf({ name, variant, threads, engine = "" }: PlannedTier): number {
  const isCompiled = name === "native" && variant !== "eager";
  return isCompiled && !computesOnNvidia({ name, engine }) ? Math.min(threads, MOST_LANES) : 1;
}
