// Log-likelihood of given continuations under a policy, in batches. Used by evaluation and by `deno task score`.
import * as tf from "@tensorflow/tfjs-core";
import { type SequenceBatch, sequenceBatch, type TokenSequence } from "../model/sequence_batch.ts";
import { sequenceScoring } from "./compiled_scores.ts";
import type { Sampler } from "./sample_generations.ts";
import { longestSequence, scoringBatch, scoringRows } from "./scoring_batch.ts";
import { readVector } from "./train_chunk.ts";

export interface SequenceLikelihood {
  /** Sum over counted tokens, nats. */
  total: number;
  numTokens: number;
}

/** Σ_t log π(y_t | x, y_<t) at T = 1 for each sequence. `uncounted` tokens give no term, `forbidden` ones no probability. */
export async function continuationLogProbabilities(
  { tier, model, parameters, tokenizer }: Sampler,
  sequences: readonly TokenSequence[],
  options: { forbidden?: readonly number[]; uncounted?: readonly number[] } = {},
): Promise<SequenceLikelihood[]> {
  const out: SequenceLikelihood[] = [];
  const score = sequenceScoring(tier, model, { temperature: 1, forbidden: options.forbidden ?? [] });
  const size = scoringBatch(model, longestSequence(sequences));
  for (let start = 0; start < sequences.length; start += size) {
    const scored = sequences.slice(start, start + size);
    const batch = sequenceBatch(scored, {
      padId: tokenizer.padId,
      uncounted: options.uncounted,
      rows: scoringRows(tier, size),
    });
    const shape: [number, number] = [batch.batch, batch.time];
    const tensors = [
      tf.tensor2d(batch.tokens, shape, "int32"),
      tf.tensor2d(batch.labels, shape, "int32"),
      tf.tensor2d(batch.continuationMask, shape),
    ];
    const totals = score(parameters, tensors[0], tensors[1], tensors[2]);
    const values = await readVector(totals);
    tf.dispose([...tensors, totals]);
    scored.forEach((_, row) => out.push({ total: values[row], numTokens: numCounted(batch, row) }));
  }
  return out;
}

function numCounted({ continuationMask, time }: SequenceBatch, row: number): number {
  return continuationMask.subarray(row * time, (row + 1) * time).reduce((sum, counts) => sum + counts, 0);
}
