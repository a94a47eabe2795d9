// Sampling as one program against sampling operation by operation on the same tier: the same tokens for the same key.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed } from "../../../src/base/random.ts";
import { compileEagerly } from "../../../src/compute/compile.ts";
import type { Tier } from "../../../src/compute/tier.ts";
import { sequenceSums, tokenScoring } from "../../../src/irl/compiled_scores.ts";
import { batchTensors, disposeTensors } from "../../../src/irl/sequence_parts.ts";
import { generate, type Generation, type SamplingOptions } from "../../../src/model/generate.ts";
import { sequenceBatch } from "../../../src/model/sequence_batch.ts";
import type { ModelShape } from "../../../src/model/model_shape.ts";
import { drawByInverse } from "../../../src/model/traced_draw.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { nativeSkip, useNativeTier } from "../../support/native_tier.ts";
import { EOS, PAD, TINY_SHAPE, tinyParameters, UNK } from "../../support/tiny_model.ts";

const skip = nativeSkip, FORBIDDEN = [PAD, UNK];
const PROMPTS = [[3, 4, 5, 6, 7], [8], [5, 5, 3], [4, 6], [7, 7, 7, 7], [3]];

describe(`generate() as one program${skip ? ` (skipped: ${skip})` : ""}`, () => {
  const native = useNativeTier();
  const sampleOn = async (
    tier: Tier,
    { prompts = PROMPTS, model = TINY_SHAPE, ...options }:
      & Partial<SamplingOptions>
      & { prompts?: number[][]; model?: ModelShape },
  ): Promise<Generation[]> => {
    const flat = tf.tensor1d(tinyParameters(model));
    try {
      return await generate(model, flat, {
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
  };
  const sample = (options: Parameters<typeof sampleOn>[1] = {}) => sampleOn(native.tier, options);
  /** Without compilation. */
  const plainly = (options: Parameters<typeof sampleOn>[1] = {}) => {
    const { traced: _, ...tier } = native.tier;
    return sampleOn({ ...tier, compile: compileEagerly }, options);
  };
  const assertAlike = (got: Generation[], wanted: Generation[]) => {
    const texts = (all: Generation[]) => all.map(({ tokens, finished }) => ({ tokens, finished }));
    assert.deepEqual(texts(got), texts(wanted));
    got.forEach(({ logProbability }, i) => {
      const off = Math.abs(logProbability - wanted[i].logProbability);
      assert.ok(off <= 1e-5 * Math.max(1, Math.abs(wanted[i].logProbability)), `row ${i} is off by ${off}`);
    });
  };

  it(
    "is right when the hint of samplesPerPrompt is wrong: each row continues its own prompt",
    { skip },
    async () => {
      assertAlike(await sample({ samplesPerPrompt: 2 }), await sample());
    },
  );

  it("draws what it draws without compilation: tokens, ends and log-probabilities", { skip }, async () => {
    for (let seed = 0; seed < 4; seed++) {
      const options = { key: keyFromSeed(seed) };
      assertAlike(await sample(options), await plainly(options));
    }
    const many = { prompts: Array.from({ length: 50 }, (_, i) => PROMPTS[i % 6]), temperature: 2 };
    const got = await sample(many);
    assertAlike(got, await plainly(many));
    assert.ok(got.some(({ finished }) => finished) && got.some(({ finished }) => !finished));
    assert.ok(!got.some(({ tokens }) => tokens.some((token) => FORBIDDEN.includes(token))));
  });

  it("stops at the cut-off, whatever the program has room for", { skip }, async () => {
    for (const maxNewTokens of [17, 19, 24]) {
      assertAlike(await sample({ maxNewTokens }), await plainly({ maxNewTokens }));
    }
  });

  it("takes the likeliest tokens when greedy, with log-probability 0", { skip }, async () => {
    const greedy = await sample({ temperature: "greedy" });
    assertAlike(greedy, await plainly({ temperature: "greedy" }));
    assert.ok(greedy.every(({ logProbability }) => logProbability === 0));
  });

  it("draws through top-k and top-p what it draws without compilation, from few tokens and from many", {
    skip,
  }, async () => {
    for (const filter of [{ topK: 3 }, { topK: 5, topP: 0.8 }]) {
      assertAlike(await sample(filter), await plainly(filter));
    }
    // 70 blocks, of which a program for k up to 64 keeps 64.
    const model = { ...TINY_SHAPE, vocabularySize: 4450 };
    for (const filter of [{ topK: 50, topP: 0.9 }, { topK: 20, topP: 0.9 }, { topP: 0.9 }]) {
      const options = { ...filter, model, temperature: 1.5, maxNewTokens: 8 };
      assertAlike(await sample(options), await plainly(options));
    }
  });

  it(
    "draws the same where many prompts are cut for several lanes, samples of one prompt together",
    { skip },
    async () => {
      const prompts = Array.from({ length: 99 }, (_, i) => PROMPTS[Math.floor(i / 3) % 6]);
      for (const lanes of [1, 2, 4]) {
        const cut = await sampleOn({ ...native.tier, lanes }, { prompts, samplesPerPrompt: 3 });
        assertAlike(cut, await plainly({ prompts }));
      }
    },
  );

  it("runs a prompt once for all its samples, with the same result", { skip }, async () => {
    const prompts = PROMPTS.slice(0, 4).flatMap((prompt) => [prompt, prompt, prompt, prompt]);
    const once = await sample({ prompts, samplesPerPrompt: 4 });
    assertAlike(once, await plainly({ prompts }));
    assert.notDeepEqual(once[0].tokens, once[1].tokens);
  });

  it("reports the log-probabilities that training gives its texts", { skip }, async () => {
    const generations = await sample();
    const sequences = generations.map(({ tokens }, i) => ({ prompt: PROMPTS[i], continuation: tokens }));
    const batch = sequenceBatch(sequences, { padId: PAD, packed: true });
    const flat = tf.tensor1d(tinyParameters()), tensors = batchTensors(batch);
    const score = tokenScoring(native.tier, TINY_SHAPE, { temperature: 0.8, forbidden: FORBIDDEN });
    const logs = await score(flat, tensors), wanted = sequenceSums(await logs.data(), batch);
    tf.dispose([flat, logs]);
    disposeTensors(tensors);
    generations.forEach(({ logProbability }, i) =>
      assert.ok(Math.abs(logProbability - wanted[i]) <= 1e-5 * Math.max(1, Math.abs(wanted[i])))
    );
  });

  it("draws a row's tokens whatever the other rows do", { skip }, async () => {
    const first = await sample({ prompts: [[3, 4], [8], [5, 5, 3], [4, 6]] });
    const second = await sample({ prompts: [[3, 4], [7, 7], [3], [6, 5, 4, 3]] });
    assert.deepEqual(first[0].tokens, second[0].tokens);
  });

  it("takes no prompts, refuses an empty one and tokens outside the vocabulary, and frees everything", {
    skip,
  }, async () => {
    const before = tf.memory().numTensors;
    assert.deepEqual(await sample({ prompts: [] }), []);
    await assert.rejects(sample({ prompts: [[3], []] }), /a prompt has no token/);
    await assert.rejects(sample({ prompts: [[3], [99]] }), /token 99 is not in the vocabulary of 9/);
    assert.equal(tf.memory().numTensors, before);
  });
});

describe("drawByInverse()", () => {
  useCpuTier();

  const draw = (logits: readonly number[], uniform: readonly number[]) =>
    tf.tidy(() => {
      const { token, logProbability } = drawByInverse(
        tf.tensor2d(uniform.map(() => [...logits])),
        tf.tensor1d([...uniform]),
      );
      return { tokens: Array.from(token.dataSync()), logs: Array.from(logProbability.dataSync()) };
    });

  it("is the inverse of the cumulated distribution: by hand, over three blocks", () => {
    // 7 tokens in blocks of 3. Cumulated: .1, .2, .4, .5, .7, .9, 1.
    const probabilities = [0.1, 0.1, 0.2, 0.1, 0.2, 0.2, 0.1];
    const { tokens, logs } = draw(probabilities.map(Math.log), [0, 0.15, 0.39, 0.41, 0.6, 0.89, 0.91, 0.999]);
    assert.deepEqual(tokens, [0, 1, 2, 3, 4, 5, 6, 6]);
    tokens.forEach((token, i) => assert.ok(Math.abs(logs[i] - Math.log(probabilities[token])) < 1e-6));
  });

  it("stays inside the allowed tokens for the least and the largest number", () => {
    const { tokens } = draw([-1e30, 0.3, -1e30, -2, -1e30, -1e30, -1e30, -1e30], [0, 1 - 2 ** -24]);
    assert.deepEqual(tokens, [1, 3]);
  });

  it("takes the smallest of equal tokens when the temperature is next to nothing", () => {
    const logits = [0.5, 1.25, 1.2499999, 1.25, -3].map((logit) => logit * 2 ** 60);
    assert.deepEqual(draw(logits, [0]).tokens, [1]);
  });
});
