// What one training step compiles: a whole batch in one program, or gradients of its parts and an update.
import * as tf from "@tensorflow/tfjs-core";
import { compileOnce, compileStateOnce } from "../compute/compile_once.ts";
import type { Tier } from "../compute/tier.ts";
import { type AdamWOptions, adamWStep } from "../math/adamw.ts";
import type { Trainable } from "../model/trainable.ts";

/** A scalar loss of the network's parameters [parameters] and the step's batch tensors. */
export type LossFunction = (parameters: tf.Tensor, ...batch: tf.Tensor[]) => tf.Scalar;

export interface TrainingFunctions {
  name: string;
  trainable: Trainable;
  loss: LossFunction;
  /** All that the loss depends on beside its arguments, as plain data. */
  lossSettings: unknown;
  optimiser: AdamWOptions;
}

/**
 * The programs of a training, on two states: trained vector and moments; and the sums of gradient and loss over the parts of a
 * batch. What the network takes beside the trained vector stands before the batch.
 */
export function compileTraining(
  tier: Tier,
  { name, loss, lossSettings, optimiser, trainable }: TrainingFunctions,
) {
  const gradient = lossGradient(loss, trainable), step = gradientStep(optimiser);
  const settings = { lossSettings, trainable: trainable.settings };
  const whole = (...args: tf.Tensor[]): tf.Tensor[] => {
    const [slope, value] = gradient(args[0], ...args.slice(6));
    return [...step(...args.slice(0, 6), slope, value), value];
  };
  const weighted = (trained: tf.Tensor, weight: tf.Tensor, ...batch: tf.Tensor[]): tf.Tensor[] =>
    gradient(trained, ...batch).map((result) => tf.mul(result, weight));
  const part = (...args: tf.Tensor[]): tf.Tensor[] => {
    const [sum, lossSum, trained, carry, weight, ...batch] = args;
    const [slope, value] = weighted(trained, weight, ...batch);
    return [tf.add(tf.mul(sum, carry), slope), tf.add(tf.mul(lossSum, carry), value)];
  };
  return {
    /** (trained vector and moments; learning rate, corrections, …constants, …batch) → loss */
    whole: compileStateOnce(tier, whole, { name, settings: { optimiser, ...settings } }),
    /** (sums; trained vector, 0 for the first part and 1 for later ones, weight, …constants, …batch) */
    part: compileStateOnce(tier, part, { name: `${name}: part`, settings }),
    /** (trained vector, weight, …constants, …batch) → weighted gradient and loss */
    gradient: compileOnce(tier, (...args) => weighted(args[0], args[1], ...args.slice(2)), {
      name: `${name}: gradient`,
      settings,
    }),
    /** (trained vector and moments; learning rate, corrections, gradient, loss) */
    update: compileStateOnce(tier, step, { name: `${name}: update`, settings: optimiser }),
    /** (trained vector, …constants) → the network's parameters */
    network: compileOnce(tier, (...args) => [trainable.network(args[0], ...args.slice(1))], {
      name: `${name}: network`,
      settings: trainable.settings,
    }),
  };
}

/** (trained vector, …constants, …batch) → [gradient, loss] */
function lossGradient(loss: LossFunction, { network, constants: { length } }: Trainable) {
  return (trained: tf.Tensor, ...rest: tf.Tensor[]): tf.Tensor[] => {
    const constants = rest.slice(0, length), batch = rest.slice(length);
    const { value, grad } = tf.valueAndGrad((vector: tf.Tensor) =>
      loss(network(vector, ...constants), ...batch)
    )(trained);
    return [grad, value];
  };
}

/**
 * (parameters, moments, learning rate, corrections, gradient, loss) → [parameters, moments], the old ones where the loss is
 * not finite.
 */
function gradientStep(optimiser: AdamWOptions) {
  return (...args: tf.Tensor[]): tf.Tensor[] => {
    const [parameters, firstMoment, secondMoment, learningRate, correction1, correction2, gradient, loss] =
      args;
    const scalars = { learningRate, correction1, correction2 };
    const next = adamWStep({ parameters, firstMoment, secondMoment }, gradient, scalars, optimiser);
    const isFinite = tf.isFinite(loss);
    return [
      tf.where(isFinite, next.parameters, parameters),
      tf.where(isFinite, next.firstMoment, firstMoment),
      tf.where(isFinite, next.secondMoment, secondMoment),
    ];
  };
}
