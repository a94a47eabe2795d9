// A program of its own for the test of attention's memory: compiles attention with its gradients for one length and runs it once.
import * as tf from "@tensorflow/tfjs-core";
import { openTier } from "../../src/compute/tier.ts";
import { causalAttention, sightMask } from "../../src/model/causal_attention.ts";

/** One argument: a length, heads of queries and of keys, their features, and whether several texts share a row. */
export interface AttentionProgram {
  time: number;
  heads: [queries: number, keys: number];
  head: number;
  isShared: boolean;
  libraryDirectory: string;
}

const ROWS = 8;
// Written by attention_memory_slow_test.ts.
const { time, heads, head, isShared, libraryDirectory } = JSON.parse(Deno.args[0]) as AttentionProgram;
const [numQueryHeads, numKeyHeads] = heads;
const shapes = [numQueryHeads, numKeyHeads, numKeyHeads].map((count) => [ROWS, count, time, head]);
const tier = await openTier({ name: "native", threads: 2, libraryDirectory });
const run = tier.compile("attention", (seenUntil, ...given) => {
  const mask = isShared ? sightMask(seenUntil) : undefined;
  const attend = (...[queries, keys, values]: tf.Tensor[]) =>
    causalAttention({ queries, keys, values }, mask);
  return tf.grads((...heads) => tf.sum(tf.square(attend(...heads))))(given);
}, [
  { shape: [ROWS, time], dtype: "int32" },
  ...shapes.map((shape) => ({ shape, dtype: "float32" } as const)),
]);
tf.dispose(run(tf.fill([ROWS, time], time, "int32"), ...shapes.map((shape) => tf.ones(shape))));
