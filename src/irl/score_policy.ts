// Log-likelihood of given continuations under a policy, in batches. Used by evaluation and by `deno task score`.
import * as tf from "@tensorflow/tfjs-core";
import { policyLogProbabilities } from "../model/policy_model.ts";
import { sequenceBatch, type TokenSequence } from "../model/sequence_batch.ts";
import type { Sampler } from "./sample_generations.ts";
import { readVector } from "./train_chunk.ts";

const SCORING_BATCH = 128;

export interface SequenceLikelihood {
  /** Sum over counted tokens, nats. */
  total: number;
  numTokens: number;
}

/** Σ_t log π(y_t | x, y_<t) at T = 1 for each sequence. `uncounted` tokens give no term, `forbidden` ones no probability. */
export async function continuationLogProbabilities(
  { model, parameters, tokenizer }: Sampler,
  sequences: readonly TokenSequence[],
  options: { forbidden?: readonly number[]; uncounted?: readonly number[] } = {},
): Promise<SequenceLikelihood[]> {
  const out: SequenceLikelihood[] = [];
  for (let start = 0; start < sequences.length; start += SCORING_BATCH) {
    const batch = sequenceBatch(sequences.slice(start, start + SCORING_BATCH), {
      padId: tokenizer.padId,
      uncounted: options.uncounted,
    });
    const totals = tf.tidy(() => {
      const tokens = tf.tensor2d(batch.tokens, [batch.batch, batch.time], "int32");
      const labels = tf.tensor2d(batch.labels, [batch.batch, batch.time], "int32");
      const mask = tf.tensor2d(batch.continuationMask, [batch.batch, batch.time]);
      const all = policyLogProbabilities(model, parameters, {
        tokens,
        labels,
        temperature: 1,
        forbidden: options.forbidden ?? [],
      });
      return tf.stack([tf.sum(tf.mul(all, mask), 1), tf.sum(mask, 1)]);
    });
    const values = await readVector(totals);
    totals.dispose();
    for (let row = 0; row < batch.batch; row++) {
      out.push({ total: values[row], numTokens: values[batch.batch + row] });
    }
  }
  return out;
}
