// The value network V(x, y_<t): a reward network read at every position instead of the last one. PPO's baseline.
import * as tf from "@tensorflow/tfjs-core";
import { type ModelShape, SCORE_NAME } from "./model_shape.ts";
import { namedParameters, sequenceStates, type SequenceTokens } from "./transformer.ts";

/**
 * The score of what each position has read: at the last token what `rewardScores` gives, up to rounding.
 *
 * @param flat [parameters] of a shape with head "reward"
 * @returns [batch, time]; position t is the value of what stands before token t + 1; meaningless at padding
 */
export function tokenValues(model: ModelShape, flat: tf.Tensor, sequences: SequenceTokens): tf.Tensor {
  const [batch, time] = sequences.tokens.shape, parameters = namedParameters(model, flat);
  const hidden = sequenceStates(model, parameters, sequences);
  const scores = tf.reshape(tf.matMul(hidden, parameters[SCORE_NAME], false, true), [batch, time]);
  return model.rewardShift ? tf.sub(scores, model.rewardShift) : scores;
}
