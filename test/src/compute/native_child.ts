// A process on the native tier for the tests: trains and draws a little and prints, as one line of JSON, a digest of what it
// got and the share of the CPU time that each busy thread had in large products. Arguments: threads, variant, folder of the library.
import * as tf from "@tensorflow/tfjs-core";
import { sha256 } from "../../../src/base/canonical.ts";
import { keyFromSeed } from "../../../src/base/random.ts";
import { openTier } from "../../../src/compute/tier.ts";
import { generate } from "../../../src/model/generate.ts";
import { EOS, PAD, TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";
import { made } from "./tier_cases.ts";

const [threads, variant, libraryDirectory] = Deno.args;
const tier = await openTier({
  name: "native",
  threads: Number(threads),
  variant: (["xla", "graph", "eager"] as const).find((one) => one === variant),
  libraryDirectory,
});

const size = 160;
const step = tier.compile("step", (weights, x) => {
  const loss = (w: tf.Tensor) => {
    const rows = tf.gather(w, tf.range(0, size * 2, 1, "int32").mod(size).toInt());
    return tf.mean(tf.neg(tf.logSoftmax(tf.matMul(tf.mul(x, tf.erf(rows)), w, false, true))));
  };
  return [tf.sub(weights, tf.mul(tf.grad(loss)(weights), 5))];
}, [{ shape: [size, size], dtype: "float32" }, { shape: [2 * size, size], dtype: "float32" }]);

const x = made([2 * size, size], 13);
let weights = made([size, size], 5);
for (let i = 0; i < 8; i++) {
  const [next] = step(weights, x);
  weights.dispose();
  weights = next;
}
const values = await weights.data();
const policy = tf.tensor1d(tinyParameters());
const texts = await generate(TINY_SHAPE, policy, {
  tier,
  prompts: [[3, 4, 5], [8], [5, 5]],
  key: keyFromSeed(1),
  temperature: 0.8,
  maxNewTokens: 20,
  padId: PAD,
  eosId: EOS,
  forbidden: [PAD],
});
policy.dispose();
const digest = sha256(
  sha256(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)) + JSON.stringify(texts),
);

const before = ticksOfThreads();
const big = tf.ones([1024, 1024]);
for (let i = 0; i < 40; i++) {
  const product = tf.matMul(big, big);
  await product.data();
  product.dispose();
}
const spent = [...ticksOfThreads()].map(([thread, ticks]) => ticks - (before.get(thread) ?? 0));
const total = spent.reduce((sum, ticks) => sum + ticks, 0);
console.log(JSON.stringify({
  variant: tier.variant,
  remark: tier.remark,
  digest,
  shares: spent.map((ticks) => ticks / total),
}));
await tier.dispose();

/** User-mode clock ticks of each thread of this process. */
function ticksOfThreads(): Map<string, number> {
  return new Map(
    [...Deno.readDirSync("/proc/self/task")].map(({ name }) => {
      const stat = Deno.readTextFileSync(`/proc/self/task/${name}/stat`);
      // The name in parentheses may hold spaces; user time is the 12th field after it.
      return [name, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[11])];
    }),
  );
}
