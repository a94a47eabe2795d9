// How many sequences are scored together: many where that is cheap, few where logits or activations of many would fill the memory.
// The number goes by shapes alone, so equal work gives equal bits.
import { callAll } from "../compute/call_all.ts";
import type { Tier } from "../compute/tier.ts";
import { passingActivations } from "../model/model_cost.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { type BatchOptions, type SequenceBatch, sequenceBatch } from "../model/sequence_batch.ts";
import { lengthOf, type TokenSequence } from "../model/token_sequence.ts";
import { shouldShareRows } from "../model/row_sharing.ts";
import { lanesFor } from "./lanes.ts";
import { type BatchTensors, batchTensors, disposeTensors, packedParts } from "./sequence_parts.ts";

const MOST_SEQUENCES = 64;
/** Numbers in memory at a time, of logits and of one layer: 512 MB. */
const MOST_NUMBERS = 2 ** 27;

/** Sequences of at most `time` tokens that are scored together: a power of two from 1 to 64. */
export function scoringBatch(model: ModelShape, time: number): number {
  const logits = model.head === "policy" ? time * model.vocabularySize : 0;
  const each = logits + passingActivations(model, { rows: 1, time });
  return Math.max(1, Math.min(MOST_SEQUENCES, 2 ** Math.floor(Math.log2(MOST_NUMBERS / each))));
}

/** Tokens of the longest sequence; 1 where there is none. */
export function longestSequence(sequences: readonly TokenSequence[]): number {
  return sequences.reduce((most, sequence) => Math.max(most, lengthOf(sequence)), 1);
}

export interface ScoringBatch {
  /** Index of each sequence among all. */
  rows: number[];
  sequences: TokenSequence[];
  batch: SequenceBatch;
  tensors: BatchTensors;
}

/**
 * Works on any number of sequences in batches, as many at a time as the tier has lanes for; a batch's tensors are freed behind it. Where
 * every shape costs a compilation, the last batch is padded to the size of the others.
 */
export async function inScoringBatches(
  tier: Pick<Tier, "traced" | "lanes">,
  model: ModelShape,
  { sequences, ...options }:
    & { sequences: readonly TokenSequence[] }
    & Pick<BatchOptions, "padId" | "uncounted">,
  work: (batch: ScoringBatch) => Promise<void>,
): Promise<void> {
  const time = longestSequence(sequences), size = scoringBatch(model, time);
  const numBatches = Math.ceil(sequences.length / size);
  const cut = shouldShareRows(sequences, { size })
    ? packedParts(sequences, numBatches)
    : Array.from({ length: numBatches }, (_, i) => {
      const texts = sequences.slice(i * size, (i + 1) * size);
      const packing = tier.traced && { time, rows: size, sequences: size };
      return { rows: texts.map((_, row) => i * size + row), texts, packing };
    });
  const lanes = lanesFor(tier, model, { rows: Math.min(size, sequences.length), time });
  await callAll(
    lanes,
    cut.map(({ rows, texts, packing }) => async () => {
      const batch = sequenceBatch(texts, { ...options, ...packing }), tensors = batchTensors(batch);
      await work({ rows, sequences: texts, batch, tensors }).finally(() => disposeTensors(tensors));
      return [];
    }),
  );
}
