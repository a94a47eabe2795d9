// Attention of whole sequences, as training and scoring need it: plain where the sequences are short, in tiles where the matrix of all
// scores would be large. The choice goes by shape and tier alone, so equal work gives equal bits.
import type * as tf from "@tensorflow/tfjs-core";
import { fusedKernel } from "../math/fused_kernel.ts";
import { hiding, tiledAttention } from "./tiled_attention.ts";
import { type HeadTensors, plainAttention } from "./transformer_layer.ts";

/**
 * From this length on tiles are faster (measured on the tier "native"), and their memory grows with the length alone. A kernel that
 * does it all in one pass, as on wasm, is faster than tiles for longer; its memory decides.
 */
export const TILED_FROM = 256, TILED_FROM_FUSED = 1024;
/** Smaller blocks hide less for nothing, but a compiler works on each of them. */
const BLOCK = 128, LONG_BLOCK = 256;

/**
 * softmax(q kᵀ / √head) v where each token sees itself and what is before it. Padding must be on the right: nothing
 * before it sees it.
 *
 * @param heads queries [batch, heads, time, head]; keys and values [batch, keyValueHeads, time, head]
 * @returns [batch, heads, time, head]
 */
export function causalAttention(heads: HeadTensors): tf.Tensor {
  const time = heads.queries.shape[2] ?? 0;
  return time < (fusedKernel("Attention") === undefined ? TILED_FROM : TILED_FROM_FUSED)
    ? plainAttention(heads, hiding(1, [0, time], [0, time]))
    : tiledAttention(heads, time < 2 * LONG_BLOCK ? BLOCK : LONG_BLOCK);
}
