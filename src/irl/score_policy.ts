// Log-likelihood of given continuations under a policy, in batches. Used by evaluation and by `deno task score`.
import type { SequenceBatch } from "../model/sequence_batch.ts";
import { firstEquals, ofEach, type TokenSequence } from "../model/token_sequence.ts";
import { sequenceSums, tokenScoring } from "./compiled_scores.ts";
import type { Sampler } from "./sample_generations.ts";
import { inScoringBatches } from "./scoring_batch.ts";
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
  const out: SequenceLikelihood[] = [], { uncounted, forbidden = [] } = options;
  const score = tokenScoring(tier, model, { temperature: 1, forbidden });
  const first = firstEquals(sequences), distinct = sequences.filter((_, i) => first[i] === i);
  const asked = { sequences: distinct, padId: tokenizer.padId, uncounted };
  await inScoringBatches(tier, model, asked, async ({ rows, batch, tensors }) => {
    const logs = await score(parameters, tensors);
    const totals = sequenceSums(await readVector(logs), batch);
    logs.dispose();
    rows.forEach((row, i) => {
      out[row] = { total: totals[i], numTokens: numCounted(batch, i) };
    });
  });
  return ofEach(first, out);
}

function numCounted(
  { continuationMask, places }: SequenceBatch,
  index: number,
): number {
  return places[index].reduce((sum, at) => sum + Math.min(1, continuationMask[at]), 0);
}
