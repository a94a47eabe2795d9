// What a transformer of a given shape costs: numbers kept for the gradient, multiplications a token. Plain arithmetic over the shapes
// of the code's own operations (gpt_neox.ts, llama.ts); nothing here runs a model.
import { tileBlock, TILED_FROM } from "./causal_attention.ts";
import { type ModelShape, numParameters } from "./model_shape.ts";

export interface BatchShape {
  rows: number;
  time: number;
  /** Length from which attention is in tiles. @default TILED_FROM */
  tiledFrom?: number;
}

/** Width of all queries' heads, and of all keys' (values have the same). */
function headWidths({ numHeads, numKeyValueHeads, headSize }: ModelShape) {
  return { queries: numHeads * headSize, keys: numKeyValueHeads * headSize };
}

/**
 * Numbers a token that one layer keeps for its gradient. GPT-NeoX: two unit norms and their input, the joined projection, rotated
 * queries and keys, what attention read, three of the feed-forward's width for GELU. Llama: the same norms, projections, rotated
 * queries and keys, what attention read, and four of the feed-forward's width for the gate.
 */
function keptPerLayer(model: ModelShape, { time, tiledFrom = TILED_FROM }: BatchShape): number {
  const { hiddenSize, intermediateSize, numHeads } = model, { queries, keys } = headWidths(model);
  const isNeoX = model.architecture === "gpt_neox";
  const norms = (isNeoX ? 3 : 4) * hiddenSize;
  const attention = (queries + 2 * keys) + (queries + keys) + 2 * queries;
  // Shares of attention, or one logarithm a row where they are made again in tiles.
  const shares = numHeads * (time < tiledFrom ? time : 1);
  return norms + attention + shares + (isNeoX ? 3 : 4) * intermediateSize;
}

/**
 * Numbers of a whole batch that training keeps for the gradient, logits left out. Where layers are computed again: what goes into
 * each, and one layer's.
 */
export function keptActivations(
  model: ModelShape,
  { recompute = false, ...batch }: BatchShape & { recompute?: boolean },
): number {
  const { numLayers, hiddenSize } = model, layer = keptPerLayer(model, batch), { rows, time } = batch;
  const layers = recompute ? numLayers * hiddenSize + layer : numLayers * layer;
  return rows * time * (layers + 2 * hiddenSize);
}

/** Numbers that one layer works on at a time where nothing is kept. */
export function passingActivations(model: ModelShape, batch: BatchShape): number {
  return batch.rows * batch.time * (keptPerLayer(model, batch) + 2 * model.hiddenSize);
}

/** Numbers of the scores of one tile of attention; none where it keeps the matrix, which is counted with the activations. */
export function tileScores(
  { numHeads }: ModelShape,
  { rows, time, tiledFrom = TILED_FROM }: BatchShape,
): number {
  return time < tiledFrom ? 0 : rows * numHeads * time * tileBlock({ numHeads: rows * numHeads, time });
}

/** Numbers of keys and values of `rows` texts of `time` tokens, all layers. */
export function cachedNumbers(model: ModelShape, { rows, time }: { rows: number; time: number }): number {
  return rows * time * model.numLayers * 2 * headWidths(model).keys;
}

/** Parameters that a token is multiplied with: all but the input embedding and the norms' few. */
export function multipliedParameters(model: ModelShape): number {
  const embedding = model.vocabularySize * model.hiddenSize;
  const output = model.head === "policy" && model.tiedEmbeddings ? embedding : 0;
  return numParameters(model) - embedding + output;
}

/**
 * Floating-point operations of one token's forward pass among `seen` tokens: 2 a multiplied parameter (Kaplan et al. 2020), and 4 a
 * seen token and feature of the queries in attention's two products.
 */
export function forwardOperations(model: ModelShape, seen: number): number {
  return 2 * multipliedParameters(model) + 4 * seen * headWidths(model).queries * model.numLayers;
}

/** Forward and backward pass: three times the forward one, or four where layers are computed again. */
export function trainingOperations(
  model: ModelShape,
  seen: number,
  { recompute }: { recompute: boolean } = { recompute: false },
): number {
  return (recompute ? 4 : 3) * forwardOperations(model, seen);
}
