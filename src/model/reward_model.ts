// The reward network r(x, y): a policy's body with a linear score at the last token (EOS where the text ended).
import * as tf from "@tensorflow/tfjs-core";
import { causalPlan, hiddenStates, namedParameters } from "./gpt_neox.ts";
import { type ModelShape, parameterLayout } from "./model_shape.ts";

/**
 * r(x, y) of each sequence.
 *
 * @param flat [parameters] of a shape with head "reward"
 * @param tokens [batch, time], int32, right-padded
 * @param lastIndex [batch], int32, flat index of each last token
 * @returns [batch], raw logits
 */
export function rewardScores(
  model: ModelShape,
  flat: tf.Tensor,
  { tokens, lastIndex }: { tokens: tf.Tensor; lastIndex: tf.Tensor },
): tf.Tensor {
  const parameters = namedParameters(model, flat);
  const { hidden } = hiddenStates(model, parameters, {
    tokens,
    plan: causalPlan(model, tokens.shape[1] ?? 0),
  });
  const last = tf.gather(hidden, lastIndex);
  return tf.reshape(tf.matMul(last, parameters["score.weight"], false, true), [-1]);
}

/**
 * The same network with scale · (r − shift) as its output, exactly: the scale goes into the score head, the shift into the
 * last layer norm's bias along the head (score · bias adds a constant). One network in the reward's unit, which opens
 * anywhere as a plain sequence classifier.
 */
export function normalisedReward(
  model: ModelShape,
  flat: Float32Array,
  { scale, shift }: { scale: number; shift: number },
): Float32Array {
  const result = flat.slice();
  const slice = (name: string) => {
    const entry = parameterLayout(model).find((candidate) => candidate.name === name);
    if (entry === undefined) throw new RangeError(`normalisedReward: the model has no "${name}"`);
    return result.subarray(entry.offset, entry.offset + entry.size);
  };
  const head = slice("score.weight"), bias = slice("gpt_neox.final_layer_norm.bias");
  const squaredNorm = head.reduce((sum, value) => sum + value * value, 0);
  for (let i = 0; i < head.length; i++) {
    bias[i] -= shift * head[i] / squaredNorm;
    head[i] *= scale;
  }
  return result;
}
