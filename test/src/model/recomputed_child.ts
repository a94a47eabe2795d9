// A process that compiles the gradient of a small transformer and prints it as JSON. Arguments: whether layers are run again, folder
// of the library.
import * as tf from "@tensorflow/tfjs-core";
import { openTier } from "../../../src/compute/tier.ts";
import { policyLogProbabilities } from "../../../src/model/policy_model.ts";
import { PAD, TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";

const [recompute, libraryDirectory] = Deno.args;
const tier = await openTier({ name: "native", threads: 2, variant: "xla", libraryDirectory });
const model = { ...TINY_SHAPE, numLayers: 8 }, parameters = tinyParameters(model);
const shape = [16, 32];
const ids = (start: number) =>
  tf.tensor2d(Int32Array.from({ length: 512 }, (_, i) => (i * 5 + start) % 6 + 3), [16, 32], "int32");
const gradient = tier.compile("loss", (flat, tokens, labels) => {
  const options = { tokens, labels, temperature: 1, forbidden: [PAD], recompute: recompute === "true" };
  return [tf.grad((x: tf.Tensor) => tf.mean(policyLogProbabilities(model, x, options)))(flat)];
}, [
  { shape: [parameters.length], dtype: "float32" },
  { shape, dtype: "int32" },
  { shape, dtype: "int32" },
]);
const [made] = gradient(tf.tensor1d(parameters), ids(3), ids(4));
console.log(JSON.stringify(Array.from(await made.data())));
await tier.dispose();
