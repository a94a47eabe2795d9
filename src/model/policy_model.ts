// What the steps ask of a policy: log-probabilities of given continuations. Pure functions over a flat parameter vector.
import * as tf from "@tensorflow/tfjs-core";
import { tokenLogProbabilities } from "../math/token_log_probabilities.ts";
import type { ModelShape } from "./model_shape.ts";
import { namedParameters, outputLogits, sequenceStates, type SequenceTokens } from "./transformer.ts";

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
  const hidden = sequenceStates(model, parameters, sequences);
  const logits = allowedLogits(outputLogits(model, parameters, hidden), { temperature, forbidden });
  return tf.reshape(tokenLogProbabilities(logits, tf.reshape(labels, [-1])), [batch, time]);
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
