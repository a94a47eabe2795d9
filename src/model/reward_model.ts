// The reward network r(x, y): a policy's body with a linear score at the last token (EOS where the text ended).
import * as tf from "@tensorflow/tfjs-core";
import { type ModelShape, parameterLayout, SCORE_NAME } from "./model_shape.ts";
import { endStates, namedParameters, type SequenceTokens } from "./transformer.ts";

/** Sequences of a reward network, and where their last tokens are. */
export interface RewardTokens extends SequenceTokens {
  /** [batch, slots], int32: position of the last token of each of a row's sequences, or −1 for none */
  ends: tf.Tensor;
  /** [sequences], int32: flat index of each sequence among `ends` */
  slotIndex: tf.Tensor;
}

/**
 * r(x, y) of each sequence.
 *
 * @param flat [parameters] of a shape with head "reward"
 * @returns [sequences]: raw logits, less the model's shift where it has one
 */
export function rewardScores(
  model: ModelShape,
  flat: tf.Tensor,
  { slotIndex, ...sequences }: RewardTokens,
): tf.Tensor {
  const parameters = namedParameters(model, flat);
  const last = endStates(model, parameters, sequences);
  const scores = tf.reshape(tf.matMul(last, parameters[SCORE_NAME], false, true), [-1]);
  const ordered = tf.gather(scores, slotIndex);
  return model.rewardShift ? tf.sub(ordered, model.rewardShift) : ordered;
}

/**
 * The same network with scale · (r − shift) as its output. The scale goes into the score head. The shift goes into the last
 * layer norm's bias along the head (score · bias adds a constant): one network in the reward's unit, which opens anywhere as a
 * plain sequence classifier. An RMS norm has no bias, nor has such a classifier's head, and no other weight adds a constant
 * behind a norm: there the shift is a number of the shape, and elsewhere the classifier's output is larger by it.
 */
export function normalisedReward(
  model: ModelShape,
  flat: Float32Array,
  { scale, shift }: { scale: number; shift: number },
): { model: ModelShape; flat: Float32Array } {
  const result = flat.slice();
  const slice = (name: string) => {
    const entry = parameterLayout(model).find((candidate) => candidate.name === name);
    if (entry === undefined) throw new RangeError(`normalisedReward: the model has no "${name}"`);
    return result.subarray(entry.offset, entry.offset + entry.size);
  };
  const head = slice(SCORE_NAME), hasBias = model.architecture === "gpt_neox";
  if (hasBias) {
    const bias = slice("gpt_neox.final_layer_norm.bias");
    const squaredNorm = head.reduce((sum, value) => sum + value * value, 0);
    for (let i = 0; i < head.length; i++) bias[i] -= shift * head[i] / squaredNorm;
  }
  for (let i = 0; i < head.length; i++) head[i] *= scale;
  const outside = scale * ((model.rewardShift ?? 0) + (hasBias ? 0 : shift));
  return { model: outside === 0 ? model : { ...model, rewardShift: outside }, flat: result };
}
