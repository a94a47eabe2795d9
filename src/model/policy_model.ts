// What the steps ask of a policy: log-probabilities of given continuations. Pure functions over a flat parameter vector.
import * as tf from "@tensorflow/tfjs-core";
import { bufferLimit } from "../compute/buffer_limit.ts";
import { tokenLogProbabilities } from "../math/token_log_probabilities.ts";
import { type ModelShape, outputEmbeddingName } from "./model_shape.ts";
import { recomputed } from "./recomputed.ts";
import { namedParameters, outputLogits, sequenceStates, type SequenceTokens } from "./transformer.ts";

const BYTES_PER_LOGIT = 4;

export interface LogProbabilityOptions {
  /** Divides the logits; a scalar tensor where a compiled function must not fix it. */
  temperature: number | tf.Tensor;
  /**
   * Token ids that the sampler never draws (PAD, unknown); they get no probability here either. Or what `forbiddenBias`
   * makes of them, [vocab].
   */
  forbidden: readonly number[] | tf.Tensor;
}

/** Added to logits: a large negative number at forbidden tokens, 0 elsewhere. */
export function forbiddenBias(forbidden: readonly number[], vocabularySize: number): Float32Array {
  const bias = new Float32Array(vocabularySize);
  for (const id of forbidden) bias[id] = -1e9;
  return bias;
}

/**
 * log π(y_t | x, y_<t) of every position's label.
 *
 * @param flat [parameters]
 * @param labels [batch, time], int32
 * @returns [batch, time], nats; positions without a counted label hold numbers that the caller masks
 */
export function policyLogProbabilities(
  model: ModelShape,
  flat: tf.Tensor,
  { labels, temperature, forbidden, ...sequences }:
    & SequenceTokens
    & { labels: tf.Tensor }
    & LogProbabilityOptions,
): tf.Tensor {
  const [batch, time] = sequences.tokens.shape;
  const parameters = namedParameters(model, flat);
  const hidden = sequenceStates(model, parameters, sequences), chosen = tf.reshape(labels, [-1]);
  const pieceRows = Math.floor(bufferLimit() / (BYTES_PER_LOGIT * model.vocabularySize));
  if (pieceRows < batch * time) {
    const weights = parameters[outputEmbeddingName(model)], options = { temperature, forbidden, pieceRows };
    return tf.reshape(labelsInPieces({ hidden, weights, labels: chosen }, options), [batch, time]);
  }
  const logits = allowedLogits(outputLogits(model, parameters, hidden), { temperature, forbidden });
  return tf.reshape(tokenLogProbabilities(logits, chosen), [batch, time]);
}

/** Where one tensor cannot hold all logits: those of some rows at a time, made again for their gradient. */
function labelsInPieces(
  { hidden, weights, labels }: { hidden: tf.Tensor; weights: tf.Tensor; labels: tf.Tensor },
  { temperature, forbidden, pieceRows }: LogProbabilityOptions & { pieceRows: number },
): tf.Tensor {
  const [rows, width] = hidden.shape, [vocabularySize] = weights.shape, pieces: tf.Tensor[] = [];
  const scale = typeof temperature === "number" ? tf.scalar(temperature) : temperature;
  const bias = forbidden instanceof tf.Tensor
    ? forbidden
    : tf.tensor1d(forbiddenBias(forbidden, vocabularySize));
  // A row at a time at least: where even that is too much, the backend says so.
  const step = Math.max(1, pieceRows);
  for (let start = 0; start < rows; start += step) {
    const count = Math.min(step, rows - start);
    pieces.push(recomputed({
      run([own, matrix], [chosen, temperature, forbidden]) {
        const logits = allowedLogits(tf.matMul(own, matrix, false, true), { temperature, forbidden });
        return tokenLogProbabilities(logits, chosen);
      },
      inputs: [tf.slice(hidden, [start, 0], [count, width]), weights],
      constants: [tf.slice(labels, start, count), scale, bias],
    }));
  }
  return tf.concat(pieces);
}

/** Logits divided by the temperature, with forbidden tokens out of reach. [rows, vocab] → [rows, vocab]. */
export function allowedLogits(
  logits: tf.Tensor,
  { temperature, forbidden }: LogProbabilityOptions,
): tf.Tensor {
  const scaled = temperature === 1 ? logits : tf.div(logits, temperature);
  if (forbidden instanceof tf.Tensor) return tf.add(scaled, forbidden);
  if (forbidden.length === 0) return scaled;
  return tf.add(scaled, tf.tensor1d(forbiddenBias(forbidden, logits.shape[1] ?? 0)));
}
