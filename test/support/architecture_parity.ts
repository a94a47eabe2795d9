// The suite that every tier runs: each architecture against the Hugging Face library on a tiny model, by recorded numbers
// (test/golden/make_architecture_parity.py).
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { it } from "@std/testing/bdd";
import type { Tier } from "../../src/compute/tier.ts";
import { scoreSequences } from "../../src/irl/learn_reward.ts";
import { adamWStep } from "../../src/math/adamw.ts";
import { supervisedLoss } from "../../src/math/supervised_loss.ts";
import { generate } from "../../src/model/generate.ts";
import { policyLogProbabilities } from "../../src/model/policy_model.ts";
import { sequenceBatch } from "../../src/model/sequence_batch.ts";
import { causalPlan, hiddenStates, namedParameters, outputLogits } from "../../src/model/transformer.ts";
import {
  type ArchitectureModel,
  architectureModels,
  PROMPT_LENGTHS,
  SEQUENCES,
  TRAINING,
} from "../golden/architecture_models.ts";
import parity from "../golden/architecture_parity.json" with { type: "json" };

const [EOS, PAD] = [0, 1], { tolerance, lossTolerance, stride } = parity.made;
const WHOLE = SEQUENCES.map(([first, ...rest]) => ({ prompt: [first], continuation: rest }));

/** Call it inside `describe`, after the tier is opened for its tests. */
export function itComputesWhatTransformersCompute(open: { readonly tier: Tier }, skip: string | false): void {
  const models = architectureModels();
  for (const [i, recorded] of parity.cases.entries()) {
    const { name, policy, reward } = models[i];
    it(`${name}: logits and rewards within 1e-4`, { skip }, async () => {
      assert.equal(name, recorded.name);
      const logits = await logitsOf(open.tier, policy);
      SEQUENCES.forEach(({ length }, row) => {
        const wanted = recorded.logits[row], vocabulary = policy.model.vocabularySize;
        near(logits[row].slice((length - 3) * vocabulary, length * vocabulary), wanted, tolerance);
      });
      const parameters = tf.tensor1d(reward.flat);
      const scores = await scoreSequences(WHOLE, {
        tier: open.tier,
        model: reward.model,
        parameters,
        padId: PAD,
      });
      parameters.dispose();
      near(scores, recorded.rewards, tolerance);
    });

    it(`${name}: the loss within 1e-5; losses of ten AdamW steps and parameters after them within 1e-4`, {
      skip,
    }, async () => {
      const { losses, parameters } = await trained(open.tier, policy);
      near(losses.slice(0, 1), recorded.losses.slice(0, 1), lossTolerance);
      // Each step adds to what processors differ by in their last bits: up to 3e-5 after seven steps was seen.
      near(losses, recorded.losses, tolerance);
      near(parameters.filter((_, at) => at % stride === 0), recorded.parameters, tolerance);
    });

    it(`${name}: the same greedy tokens, and log-probabilities of drawn ones as training has them`, {
      skip,
    }, async () => {
      const prompts = PROMPT_LENGTHS.map((length, row) => SEQUENCES[row].slice(0, length));
      const options = { tier: open.tier, prompts, key: "0".repeat(16), padId: PAD, eosId: EOS };
      const parameters = tf.tensor1d(policy.flat), forbidden = [PAD], maxNewTokens = 12;
      const greedy = await generate(policy.model, parameters, {
        ...options,
        forbidden,
        maxNewTokens,
        temperature: "greedy",
      });
      const drawn = await generate(policy.model, parameters, {
        ...options,
        forbidden,
        maxNewTokens,
        temperature: 0.9,
      });
      parameters.dispose();
      const written = greedy.map(({ tokens }) => [
        ...tokens,
        ...Array.from({ length: maxNewTokens - tokens.length }, () => PAD),
      ]);
      assert.deepEqual(written, recorded.greedy);
      const sequences = drawn.map(({ tokens }, row) => ({ prompt: prompts[row], continuation: tokens }));
      const wanted = totalLogProbabilities(policy, { sequences, temperature: 0.9, forbidden });
      near(
        drawn.map(({ logProbability }) => logProbability),
        wanted,
        1e-5 * Math.max(...wanted.map(Math.abs)),
      );
    });
  }
}

function near(got: ArrayLike<number>, wanted: readonly number[], within: number): void {
  assert.equal(got.length, wanted.length);
  wanted.forEach((value, i) =>
    assert.ok(Math.abs(got[i] - value) <= within, `${got[i]} instead of ${value} at ${i}`)
  );
}

/** [time · vocab] of each sequence alone. */
async function logitsOf(tier: Tier, { model, flat }: ArchitectureModel["policy"]): Promise<Float32Array[]> {
  const parameters = tf.tensor1d(flat), out: Float32Array[] = [];
  for (const sequence of SEQUENCES) {
    const shape = [1, sequence.length], tokens = tf.tensor2d([sequence], undefined, "int32");
    const run = tier.compile("logits", (all, ids) => {
      const named = namedParameters(model, all), plan = causalPlan(model, sequence.length);
      return [outputLogits(model, named, hiddenStates(model, named, { tokens: ids, plan }).hidden)];
    }, [{ shape: [flat.length], dtype: "float32" }, { shape, dtype: "int32" }]);
    const [logits] = run(parameters, tokens);
    out.push(Float32Array.from(await logits.data()));
    tf.dispose([tokens, logits]);
  }
  parameters.dispose();
  return out;
}

function batchTensors(sequences: Parameters<typeof sequenceBatch>[0]) {
  const { batch, time, ...arrays } = sequenceBatch(sequences, { padId: PAD });
  return {
    tokens: tf.tensor2d(arrays.tokens, [batch, time], "int32"),
    labels: tf.tensor2d(arrays.labels, [batch, time], "int32"),
    mask: tf.tensor2d(arrays.continuationMask, [batch, time]),
  };
}

/** Loss before each step, and what the parameters are after the last one. */
async function trained(tier: Tier, { model, flat }: ArchitectureModel["policy"]) {
  const { tokens, labels, mask } = batchTensors(WHOLE);
  const loss = (parameters: tf.Tensor, ids: tf.Tensor, next: tf.Tensor, counted: tf.Tensor) => {
    const options = { tokens: ids, labels: next, temperature: 1, forbidden: [] };
    const logs = policyLogProbabilities(model, parameters, options);
    return supervisedLoss(tf.reshape(logs, [-1]), tf.reshape(counted, [-1]));
  };
  const scalar = { shape: [], dtype: "float32" as const };
  const vector = { shape: [flat.length], dtype: "float32" as const };
  const step = tier.compile("AdamW step", (...args) => {
    const [parameters, firstMoment, secondMoment, correction1, correction2, ...batch] = args;
    const [ids, next, counted] = batch;
    const { value, grad } = tf.valueAndGrad((at: tf.Tensor) => loss(at, ids, next, counted))(parameters);
    const learningRate = tf.scalar(TRAINING.learningRate);
    const after = adamWStep({ parameters, firstMoment, secondMoment }, grad, {
      learningRate,
      correction1,
      correction2,
    }, TRAINING);
    return [value, after.parameters, after.firstMoment, after.secondMoment];
  }, [
    ...[vector, vector, vector, scalar, scalar],
    { shape: tokens.shape, dtype: "int32" },
    { shape: labels.shape, dtype: "int32" },
    { shape: mask.shape, dtype: "float32" },
  ]);
  let state: tf.Tensor[] = [tf.tensor1d(flat), tf.zeros([flat.length]), tf.zeros([flat.length])];
  const losses: number[] = [];
  for (let t = 1; t <= TRAINING.steps; t++) {
    const corrections = [TRAINING.beta1, TRAINING.beta2].map((beta) => tf.scalar(1 - beta ** t));
    const [value, ...next] = step(...state, ...corrections, tokens, labels, mask);
    losses.push((await value.data())[0]);
    tf.dispose([state, corrections, value]);
    state = next;
  }
  const parameters = Float32Array.from(await state[0].data());
  tf.dispose([state, tokens, labels, mask]);
  return { losses, parameters };
}

function totalLogProbabilities(
  { model, flat }: ArchitectureModel["policy"],
  { sequences, temperature, forbidden }: {
    sequences: Parameters<typeof sequenceBatch>[0];
    temperature: number;
    forbidden: readonly number[];
  },
): number[] {
  return tf.tidy(() => {
    const { tokens, labels, mask } = batchTensors(sequences), options = { temperature, forbidden };
    const all = policyLogProbabilities(model, tf.tensor1d(flat), { tokens, labels, ...options });
    return Array.from(tf.sum(tf.mul(all, mask), 1).dataSync());
  });
}
