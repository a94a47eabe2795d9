// AdamW with global-norm clipping as a pure function over one flat parameter vector (Loshchilov & Hutter 2019).
// Same update as torch.optim.AdamW after clip_grad_norm_: decoupled decay, bias-corrected moments, epsilon outside the root.
import * as tf from "@tensorflow/tfjs-core";
import { checkShapes } from "../base/shapes.ts";
import { fusedKernel } from "./fused_kernel.ts";

export interface AdamWOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** Gradients with a larger global norm are scaled down to it; null never scales. */
  gradientNorm: number | null;
}

export interface AdamWState {
  /** [parameters] each. */
  parameters: tf.Tensor;
  firstMoment: tf.Tensor;
  secondMoment: tf.Tensor;
}

/**
 * One update. `learningRate`, `correction1` = 1 − β1^t and `correction2` = 1 − β2^t (t from 1) are scalars that change every
 * step, so they are tensors: a traced function must not bake them in.
 */
export function adamWStep(
  state: AdamWState,
  gradient: tf.Tensor,
  scalars: { learningRate: tf.Tensor; correction1: tf.Tensor; correction2: tf.Tensor },
  options: AdamWOptions,
): AdamWState {
  checkShapes("adamWStep()", {
    parameters: ["parameters"],
    firstMoment: ["parameters"],
    secondMoment: ["parameters"],
    gradient: ["parameters"],
  }, { ...state, gradient });
  const fused = fusedKernel("AdamWStep");
  if (fused !== undefined) {
    const [parameters, firstMoment, secondMoment] = fused({ ...state, gradient, ...scalars }, {
      ...options,
      gradientNorm: options.gradientNorm ?? Infinity,
    });
    return { parameters, firstMoment, secondMoment };
  }
  const clipped = options.gradientNorm === null ? gradient : clippedByNorm(gradient, options.gradientNorm);
  const firstMoment = tf.add(tf.mul(state.firstMoment, options.beta1), tf.mul(clipped, 1 - options.beta1));
  const secondMoment = tf.add(
    tf.mul(state.secondMoment, options.beta2),
    tf.mul(tf.square(clipped), 1 - options.beta2),
  );
  const root = tf.add(tf.sqrt(tf.div(secondMoment, scalars.correction2)), options.epsilon);
  const direction = tf.div(tf.div(firstMoment, scalars.correction1), root);
  const decay = tf.sub(1, tf.mul(scalars.learningRate, options.weightDecay));
  const parameters = tf.sub(tf.mul(state.parameters, decay), tf.mul(direction, scalars.learningRate));
  return { parameters, firstMoment, secondMoment };
}

function clippedByNorm(gradient: tf.Tensor, most: number): tf.Tensor {
  const norm = tf.sqrt(tf.sum(tf.square(gradient)));
  return tf.mul(gradient, tf.minimum(1, tf.div(most, tf.add(norm, 1e-6))));
}
