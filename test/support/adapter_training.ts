// Ten AdamW steps of a LoRA adapter against PEFT's (test/golden/make_peft_adapters.py), on any tier.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { it } from "@std/testing/bdd";
import { compileOnce } from "../../src/compute/compile_once.ts";
import type { Tier } from "../../src/compute/tier.ts";
import { adamWStep } from "../../src/math/adamw.ts";
import { supervisedLoss } from "../../src/math/supervised_loss.ts";
import { readAdapterFolder } from "../../src/model/adapter_folder.ts";
import type { ModelShape } from "../../src/model/model_shape.ts";
import { policyLogProbabilities } from "../../src/model/policy_model.ts";
import { loraAdapter, type Trainable } from "../../src/model/trainable.ts";
import saved from "../golden/peft_adapters.json" with { type: "json" };
import { memoryFolder } from "./memory_folder.ts";
import { tinyParameters } from "./tiny_model.ts";
import { TINY_SHAPES } from "./tiny_shapes.ts";

const { lr, betas: [beta1, beta2], eps: epsilon, weight_decay: weightDecay } = saved.adamW;
const OPTIMISER = { beta1, beta2, epsilon, weightDecay, gradientNorm: null };

export function itTrainsAdaptersAsPeft(opened: { readonly tier: Tier }, skip: string | false = false): void {
  for (const [name, { files, losses }] of Object.entries(saved.adapters)) {
    if (losses.length === 0) continue;
    it(`trains the adapter "${name}" as PEFT does: ten losses within 1e-4`, { skip }, async () => {
      const model = TINY_SHAPES[name.split("-")[0]];
      const folder = memoryFolder(
        Object.fromEntries(
          Object.entries(files).map(([file, content]) => [file, Uint8Array.fromBase64(content)]),
        ),
      );
      const adapter = await readAdapterFolder(folder, model);
      assert.ok(adapter);
      const base = tf.tensor1d(tinyParameters(model));
      const trainable = loraAdapter({ model, config: adapter.config }, base);
      const got = await trainedLosses(opened.tier, {
        model,
        trainable,
        start: adapter.flat,
        steps: losses.length,
      });
      base.dispose();
      got.forEach((loss, i) =>
        assert.ok(Math.abs(loss - losses[i]) <= 1e-4, `step ${i}: ${loss}, not ${losses[i]}`)
      );
    });
  }
}

/** Losses before each step. */
async function trainedLosses(
  tier: Tier,
  { model, trainable, start, steps }: {
    model: ModelShape;
    trainable: Trainable;
    start: Float32Array;
    steps: number;
  },
): Promise<number[]> {
  const batch = batchTensors(), losses: number[] = [], size = trainable.size;
  let vectors: tf.Tensor[] = [tf.tensor1d(start), tf.zeros([size]), tf.zeros([size])];
  const step = compileOnce(tier, trainingStep(model, trainable), {
    name: "adapter step",
    settings: [model, trainable.settings],
  });
  for (let i = 1; i <= steps; i++) {
    const scalars = [lr, 1 - beta1 ** i, 1 - beta2 ** i].map((value) => tf.scalar(value));
    const args = [...vectors, ...scalars, ...trainable.constants, ...batch];
    const [loss, ...next] = step(...args);
    losses.push((await loss.data())[0]);
    tf.dispose([...vectors, ...scalars, loss]);
    vectors = next;
  }
  tf.dispose([...vectors, ...batch]);
  return losses;
}

/** Tokens, labels and mask of the next-token loss over both sequences. */
function batchTensors(): tf.Tensor[] {
  const rows = saved.tokens.length, time = saved.tokens[0].length;
  const labels = saved.tokens.map((row) => [...row.slice(1), 0]);
  const mask = saved.tokens.map((row) => row.map((_, i) => Number(i < time - 1)));
  return [
    tf.tensor2d(saved.tokens, [rows, time], "int32"),
    tf.tensor2d(labels, [rows, time], "int32"),
    tf.tensor2d(mask, [rows, time]),
  ];
}

function trainingStep(model: ModelShape, { network, constants }: Trainable) {
  return (...args: tf.Tensor[]): tf.Tensor[] => {
    const [parameters, firstMoment, secondMoment, learningRate, correction1, correction2, ...rest] = args;
    const frozen = rest.slice(0, constants.length), [tokens, labels, mask] = rest.slice(constants.length);
    const { value, grad } = tf.valueAndGrad((trained: tf.Tensor) => {
      const flat = network(trained, ...frozen);
      const logs = policyLogProbabilities(model, flat, { tokens, labels, temperature: 1, forbidden: [] });
      return supervisedLoss(tf.reshape(logs, [-1]), tf.reshape(mask, [-1]));
    })(parameters);
    const scalars = { learningRate, correction1, correction2 };
    const next = adamWStep({ parameters, firstMoment, secondMoment }, grad, scalars, OPTIMISER);
    return [value, next.parameters, next.firstMoment, next.secondMoment];
  };
}
