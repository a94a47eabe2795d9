// Cached sampling against the whole forward pass, and inverse transform sampling against its distribution.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, splitKey, uniforms } from "../../../src/base/random.ts";
import type { Tier } from "../../../src/compute/tier.ts";
import { leastKept } from "../../../src/model/filtered_draw.ts";
import { generate, type Generation, type SamplingOptions } from "../../../src/model/generate.ts";
import { inverseDraw } from "../../../src/model/inverse_draw.ts";
import { causalPlan, hiddenStates, namedParameters, outputLogits } from "../../../src/model/transformer.ts";
import { allowedLogits, policyLogProbabilities } from "../../../src/model/policy_model.ts";
import { sequenceBatch } from "../../../src/model/sequence_batch.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { EOS, PAD, TINY_SHAPE, tinyParameters, UNK } from "../../support/tiny_model.ts";

const FORBIDDEN = [PAD, UNK];
const PROMPTS = [[3, 4, 5, 6, 7], [8], [5, 5, 3], [4, 6], [7, 7, 7, 7], [3]];

async function sampleOn(
  tier: Tier,
  prompts: readonly (readonly number[])[],
  options: Partial<SamplingOptions> = {},
): Promise<Generation[]> {
  const flat = tf.tensor1d(tinyParameters());
  try {
    return await generate(TINY_SHAPE, flat, {
      tier,
      prompts,
      key: keyFromSeed(1),
      temperature: 0.8,
      maxNewTokens: 20,
      padId: PAD,
      eosId: EOS,
      forbidden: FORBIDDEN,
      ...options,
    });
  } finally {
    flat.dispose();
  }
}

/** Logits after the last token, by one pass over the whole sequence without a cache. */
function nextLogits(sequence: readonly number[]): Float32Array {
  return tf.tidy(() => {
    const parameters = namedParameters(TINY_SHAPE, tf.tensor1d(tinyParameters()));
    const tokens = tf.tensor2d([[...sequence]], undefined, "int32");
    const { hidden } = hiddenStates(TINY_SHAPE, parameters, {
      tokens,
      plan: causalPlan(TINY_SHAPE, sequence.length),
    });
    const last = tf.slice(outputLogits(TINY_SHAPE, parameters, hidden), [sequence.length - 1, 0], [1, -1]);
    return Float32Array.from(allowedLogits(last, { temperature: 1, forbidden: FORBIDDEN }).dataSync());
  });
}

describe("generate()", () => {
  const cpu = useCpuTier();
  const sample = (prompts: readonly (readonly number[])[], options?: Partial<SamplingOptions>) =>
    sampleOn(cpu.tier, prompts, options);

  it("reports the log-probabilities that the whole forward pass gives its texts (prompts padded on the left)", async () => {
    const generations = await sample(PROMPTS);
    const wanted = tf.tidy(() => {
      const sequences = generations.map(({ tokens }, i) => ({ prompt: PROMPTS[i], continuation: tokens }));
      const batch = sequenceBatch(sequences, { padId: PAD });
      const shape: [number, number] = [batch.batch, batch.time];
      const all = policyLogProbabilities(TINY_SHAPE, tf.tensor1d(tinyParameters()), {
        tokens: tf.tensor2d(batch.tokens, shape, "int32"),
        labels: tf.tensor2d(batch.labels, shape, "int32"),
        temperature: 0.8,
        forbidden: FORBIDDEN,
      });
      return Array.from(tf.sum(tf.mul(all, tf.tensor2d(batch.continuationMask, shape)), 1).dataSync());
    });
    generations.forEach(({ logProbability, tokens }, i) =>
      assert.ok(
        Math.abs(logProbability - wanted[i]) <= 1e-5 * Math.max(1, Math.abs(wanted[i])),
        `${logProbability} instead of ${wanted[i]} over ${tokens.length} tokens`,
      )
    );
  });

  it("takes the most likely token of the whole forward pass when greedy, whatever the key", async () => {
    const greedy = await sample(PROMPTS, { temperature: "greedy", maxNewTokens: 6 });
    greedy.forEach(({ tokens, logProbability }, i) => {
      assert.equal(logProbability, 0);
      tokens.forEach((token, t) => {
        const logits = nextLogits([...PROMPTS[i], ...tokens.slice(0, t)]);
        assert.equal(token, logits.indexOf(Math.max(...logits)), `prompt ${i}, token ${t}`);
      });
    });
    const other = await sample(PROMPTS, { temperature: "greedy", maxNewTokens: 6, key: keyFromSeed(2) });
    assert.deepEqual(other, greedy);
  });

  it("draws a row's tokens whatever the other rows do: their prompts, their ends, their leaving the batch", async () => {
    let leavers = 0;
    for (let seed = 0; seed < 6; seed++) {
      const key = keyFromSeed(seed);
      const first = await sample([[3, 4], [8], [5, 5, 3], [4, 6]], { key });
      const second = await sample([[3, 4], [7, 7], [3], [6, 5, 4, 3]], { key });
      assert.deepEqual(first[0].tokens, second[0].tokens);
      leavers += first.slice(1).filter(({ tokens }) => tokens.length < first[0].tokens.length - 1).length;
    }
    assert.ok(leavers >= 6, `only ${leavers} rows ended before the first one: the test shows nothing`);
  });

  it("gives equal texts for equal keys and others for other keys", async () => {
    const first = await sample(PROMPTS);
    assert.deepEqual(await sample(PROMPTS), first);
    assert.notDeepEqual(await sample(PROMPTS, { key: keyFromSeed(2) }), first);
  });

  it("ends a text with EOS or at the cut-off, and draws no forbidden token", async () => {
    const many = await sample(Array.from({ length: 60 }, () => [3]), { maxNewTokens: 8, temperature: 2 });
    for (const { tokens, finished } of many) {
      assert.equal(finished, tokens.at(-1) === EOS);
      assert.ok(finished || tokens.length === 8);
      assert.ok(!tokens.slice(0, -1).includes(EOS));
      assert.ok(!tokens.some((token) => FORBIDDEN.includes(token)));
    }
    assert.ok(many.some(({ finished }) => finished) && many.some(({ finished }) => !finished));
  });

  it("draws the likeliest token with topK 1, and what it draws anyway with filters that keep all", async () => {
    const greedy = await sample(PROMPTS, { temperature: "greedy" });
    const first = await sample(PROMPTS, { topK: 1 });
    assert.deepEqual(first.map(({ tokens }) => tokens), greedy.map(({ tokens }) => tokens));
    assert.deepEqual(await sample(PROMPTS, { topK: 9, topP: 1 }), await sample(PROMPTS));
  });

  it("draws only what top-k and top-p keep of the whole forward pass, with the log-probability of all tokens", async () => {
    const filter = { topK: 4, topP: 0.7 }, temperature = 0.8, maxNewTokens = 6;
    const generations = await sample(PROMPTS, { ...filter, temperature, maxNewTokens });
    generations.forEach(({ tokens, logProbability }, row) => {
      let total = 0;
      tokens.forEach((token, t) => {
        const logits = nextLogits([...PROMPTS[row], ...tokens.slice(0, t)]);
        const weights = logits.map((logit) => Math.exp(logit / temperature));
        assert.ok(weights[token] >= leastKept(weights, filter), `row ${row}, token ${t}`);
        total += Math.log(weights[token] / weights.reduce((a, b) => a + b));
      });
      assert.ok(Math.abs(logProbability - total) < 1e-4, `${logProbability} instead of ${total}`);
    });
  });

  it("refuses settings and lengths that make no sense, by name and number", async () => {
    await assert.rejects(sample(PROMPTS, { topK: -1 }), /Give topK a whole number, .* got -1/);
    await assert.rejects(sample(PROMPTS, { topP: 0 }), /Give topP a number above 0 and up to 1, got 0/);
    await assert.rejects(
      sample([[3, 4]], { maxNewTokens: 31 }),
      /Shorten the text to 32 tokens: prompt 0 with its new tokens has 33, the model has 32 positions/,
    );
  });

  it("frees every tensor, also when it throws", async () => {
    const before = tf.memory().numTensors;
    await sample(PROMPTS);
    await sample(PROMPTS, { topP: 0.5 });
    assert.equal(tf.memory().numTensors, before);
    await assert.rejects(sample([[3], []]), /a prompt has no token/);
    assert.equal(tf.memory().numTensors, before);
    // An id beyond the vocabulary fails in the middle of the first pass.
    await assert.rejects(sample([[3], [99]]));
    assert.equal(tf.memory().numTensors, before);
  });
});

describe("inverseDraw()", () => {
  useCpuTier();

  function drawOne(logits: readonly number[], uniform: readonly number[]) {
    return tf.tidy(() => {
      const rows = tf.tensor2d(uniform.map(() => [...logits]));
      const { token, logProbability } = inverseDraw(rows, Float32Array.from(uniform));
      return { tokens: Array.from(token.dataSync()), logs: Array.from(logProbability.dataSync()) };
    });
  }

  it("draws by the distribution (chi-square, fixed key)", () => {
    const probabilities = [0.05, 0.3, 0.4, 0.15, 0.1], draws = 4000;
    const { tokens } = drawOne(probabilities.map(Math.log), [
      ...uniforms(splitKey(keyFromSeed(3), "draws"), draws),
    ]);
    const chiSquare = probabilities.reduce((sum, p, id) => {
      const seen = tokens.filter((token) => token === id).length;
      return sum + (seen - draws * p) ** 2 / (draws * p);
    }, 0);
    // 99.9 % of fair samplers stay below 18.47 with 4 degrees of freedom.
    assert.ok(chiSquare < 18.47, `chi-square ${chiSquare}`);
  });

  it("is the inverse of the cumulated distribution: by hand", () => {
    // Cumulated: .25, .75, 1. The first that exceeds u.
    const { tokens, logs } = drawOne([Math.log(0.25), Math.log(0.5), Math.log(0.25)], [
      0,
      0.24,
      0.26,
      0.74,
      0.76,
    ]);
    assert.deepEqual(tokens, [0, 0, 1, 1, 2]);
    [0.25, 0.25, 0.5, 0.5, 0.25].forEach((p, i) => assert.ok(Math.abs(logs[i] - Math.log(p)) < 1e-6));
  });

  it("stays inside the allowed tokens for the least and the largest number", () => {
    // 24-bit uniforms: 0 … 1 − 2⁻²⁴. Forbidden tokens stand first, last and in between.
    const { tokens } = drawOne([-1e9, 0.3, -1e9, -2, -1e9], [0, 1 - 2 ** -24]);
    assert.deepEqual(tokens, [1, 3]);
  });
});
