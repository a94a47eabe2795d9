// How many sequences are scored together: many where that is cheap, few where logits or activations of many would fill the memory.
// The number goes by shapes alone, so equal work gives equal bits.
import type { Tier } from "../compute/tier.ts";
import { passingActivations } from "../model/model_cost.ts";
import type { ModelShape } from "../model/model_shape.ts";
import type { TokenSequence } from "../model/sequence_batch.ts";

const MOST_SEQUENCES = 128;
/** Numbers in memory at a time, of logits and of one layer: 512 MB. */
const MOST_NUMBERS = 2 ** 27;

/** Sequences of at most `time` tokens that are scored together: a power of two from 1 to 128. */
export function scoringBatch(model: ModelShape, time: number): number {
  const logits = model.head === "policy" ? time * model.vocabularySize : 0;
  const each = logits + passingActivations(model, { rows: 1, time });
  return Math.max(1, Math.min(MOST_SEQUENCES, 2 ** Math.floor(Math.log2(MOST_NUMBERS / each))));
}

/** Tokens of the longest sequence; 1 where there is none. */
export function longestSequence(sequences: readonly TokenSequence[]): number {
  return sequences.reduce(
    (most, { prompt, continuation }) => Math.max(most, prompt.length + continuation.length),
    1,
  );
}

/** Rows to pad a scoring batch to: always the same where every shape costs a compilation, no padding elsewhere. */
export function scoringRows({ traced }: Pick<Tier, "traced">, size: number): number | undefined {
  return traced && size;
}
