// How many parts of a batch are worked on at the same time, and into how many it is cut for that.
import type { Tier } from "../compute/tier.ts";
import { keptActivations } from "../model/model_cost.ts";
import { type ModelShape, numParameters } from "../model/model_shape.ts";

/** What a part in a lane may take: gradient, activations, logits. Larger ones fill the threads by themselves, and gain nothing. */
const MOST_BYTES = 2 ** 26;
/** Tokens of a part at least: the products of smaller ones are slow. */
const LEAST_TOKENS = 400;

/** Parts of these sizes that are trained or scored at a time: the tier's lanes where all are small, else 1. */
export function lanesFor(
  { lanes }: Pick<Tier, "lanes">,
  model: ModelShape,
  ...sizes: readonly { rows: number; time: number }[]
): number {
  const logits = model.head === "policy" ? model.vocabularySize : 0;
  const areSmall = sizes.every(({ rows, time }) => {
    const numbers = numParameters(model) + keptActivations(model, { rows, time }) + rows * time * logits;
    return 4 * numbers <= MOST_BYTES;
  });
  return areSmall ? lanes : 1;
}

/** Into how many parts a batch of so many tokens is cut that could be worked on whole. */
export function partsForLanes(lanes: number, numTokens: number): number {
  return Math.max(1, Math.min(lanes, Math.floor(numTokens / LEAST_TOKENS)));
}
