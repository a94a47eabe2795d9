// Keys or values of earlier tokens with those of new ones behind them.
import * as tf from "@tensorflow/tfjs-core";
import { fusedKernel } from "../math/fused_kernel.ts";

/**
 * Where the backend can, in place: the result may be longer than its numbers, which only as many as attention's bias has keys
 * are read of, and `cache` must not be used again.
 *
 * @param cache [batch, heads, at least `length`, head]; the first `length` positions count
 * @param added [batch, heads, new, head]
 * @returns [batch, heads, at least length + new, head]
 */
export function extendedCache(cache: tf.Tensor, added: tf.Tensor, length: number): tf.Tensor {
  const fused = fusedKernel("ExtendCache");
  return fused === undefined ? tf.concat([cache, added], 2) : fused({ cache, added }, { length })[0];
}
