// Reward learning from (demonstration, generation) pairs. Paper: Eq. (11); Eq. (2) is the same form on labelled pairs.
import * as tf from "@tensorflow/tfjs-core";
import { checkShapes } from "../base/shapes.ts";

/**
 * Eq. (11): −E_{(x,y)∼D, y′∼π(·|x)}[log σ(r(x,y) − r(x,y′))], as mean softplus(r(x,y′) − r(x,y)).
 *
 * Objective: a reward under which demonstrations beat generations of the current policy (the paper's π_{k+1}; here the policy
 * that the iteration starts with).
 * Gradient: −σ(r(y′) − r(y)) (∇r(y) − ∇r(y′)) per pair; where r(y) = r(y′) that is −½ of the integrand of Eq. (10),
 * the gradient of the finite-sample surrogate. Eq. (11) is a surrogate of Eq. (10), not the same gradient.
 * Departure: in the residual form `r` is the difference to a frozen previous network, r = R_k − R_{k−1} (README).
 *
 * @param demonstrationRewards [pairs], r(x, y)
 * @param generationRewards [pairs], r(x, y′)
 * @returns scalar, nats per pair; ln 2 where all rewards are equal
 */
export function rewardLoss(demonstrationRewards: tf.Tensor, generationRewards: tf.Tensor): tf.Scalar {
  checkShapes("rewardLoss()", { demonstrationRewards: ["pairs"], generationRewards: ["pairs"] }, {
    demonstrationRewards,
    generationRewards,
  });
  return tf.mean(tf.softplus(tf.sub(generationRewards, demonstrationRewards)));
}
