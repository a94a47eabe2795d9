// Gradient checkpointing (Chen et al. 2016): a function that keeps its inputs alone and is run once more for its gradient, so that
// memory grows with the number of layers by one tensor each and not by all that a layer makes on its way.
import * as tf from "@tensorflow/tfjs-core";

/** What `recomputed` is made of. */
export interface Recomputation {
  /** Pure; `constants` have no gradient. */
  run(inputs: tf.Tensor[], constants: tf.Tensor[]): tf.Tensor;
  /** Float32, all of which `run` uses. The first one is the layer's input. */
  inputs: tf.Tensor[];
  constants: tf.Tensor[];
}

/** `run(inputs, constants)`, whose gradient runs it again. */
export function recomputed({ run, inputs, constants }: Recomputation): tf.Tensor {
  const checkpoint = tf.customGrad((...given) => {
    // customGrad's types mix tensors and the save function, which comes last.
    const save = given[given.length - 1] as tf.GradSaveFunc, kept = given.slice(0, -1) as tf.Tensor[];
    save([...kept, ...constants]);
    return {
      value: run(kept, constants),
      gradFunc: (upstream: tf.Tensor, saved: tf.Tensor[]) => {
        const [first, ...rest] = saved.slice(0, kept.length);
        const again = [later(first, upstream), ...rest];
        return gradients(again, upstream, () => run(again, saved.slice(kept.length)));
      },
    };
  });
  return checkpoint(...inputs);
}

/**
 * `x`, computed from `upstream` as well: a compiler would otherwise find that the second run equals the first, do it once and
 * keep everything. Adding 0 changes no number.
 */
function later(x: tf.Tensor, upstream: tf.Tensor): tf.Tensor {
  return tf.add(x, tf.mul(tf.sum(upstream), 0));
}

/** Gradients of `forward` with respect to `inputs`, inside another gradient's backward pass. */
function gradients(inputs: tf.Tensor[], upstream: tf.Tensor, forward: () => tf.Tensor): tf.Tensor[] {
  const { state } = tf.engine(), outer = state.activeTape;
  try {
    return tf.engine().gradients(forward, inputs, upstream).grads;
  } finally {
    // The engine knows one tape: it would take the inner gradient's end for the outer one's.
    state.activeTape = outer;
  }
}
