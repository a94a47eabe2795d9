// A program of its own for the test of attention's memory: compiles attention with its gradients for one length and runs it once.
import * as tf from "@tensorflow/tfjs-core";
import { openTier } from "../../src/compute/tier.ts";
import { causalAttention } from "../../src/model/causal_attention.ts";

const [time, libraryDirectory] = [Number(Deno.args[0]), Deno.args[1]];
const shape = [8, 1, time, 16], spec = { shape, dtype: "float32" } as const;
const tier = await openTier({ name: "native", threads: 2, libraryDirectory });
const run = tier.compile("attention", (...given) => {
  const attend = (...[queries, keys, values]: tf.Tensor[]) => causalAttention({ queries, keys, values });
  return tf.grads((...heads) => tf.sum(tf.square(attend(...heads))))(given);
}, [spec, spec, spec]);
tf.dispose(run(tf.ones(shape), tf.ones(shape), tf.ones(shape)));
