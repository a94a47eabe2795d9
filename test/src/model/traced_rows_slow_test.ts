// The second loop of a compiled rollout, on a few rows at a time: it changes no draw.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed } from "../../../src/base/random.ts";
import { compileEagerly } from "../../../src/compute/compile.ts";
import type { Tier } from "../../../src/compute/tier.ts";
import { generate, type Generation, type SamplingOptions } from "../../../src/model/generate.ts";
import type { ModelShape } from "../../../src/model/model_shape.ts";
import { numFewRows } from "../../../src/model/traced_rows.ts";
import { nativeSkip, useNativeTier } from "../../support/native_tier.ts";
import { EOS, PAD, TINY_SHAPE, tinyParameters, UNK } from "../../support/tiny_model.ts";

const skip = nativeSkip;
/** Large enough that a second loop pays for 256 rows and not for 64. */
const MODEL: ModelShape = {
  ...TINY_SHAPE,
  hiddenSize: 128,
  intermediateSize: 512,
  headSize: 32,
  numHeads: 4,
  numKeyValueHeads: 4,
  numLayers: 1,
};
const PROMPTS = [[3, 4, 5, 6, 7], [8], [5, 5, 3], [4, 6], [7, 7, 7, 7], [3]];
const prompts = (count: number) => Array.from({ length: count }, (_, row) => PROMPTS[row % 6]);

describe(`generate() with a second loop${skip ? ` (skipped: ${skip})` : ""}`, () => {
  const native = useNativeTier();
  type Options = Partial<SamplingOptions> & { prompts: number[][] };
  // One program for all rows.
  const sample = async (
    options: Options,
    tier: Tier = { ...native.tier, lanes: 1 },
  ): Promise<Generation[]> => {
    const flat = tf.tensor1d(tinyParameters(MODEL));
    try {
      return await generate(MODEL, flat, {
        tier,
        key: keyFromSeed(1),
        rows: 256,
        temperature: 4,
        maxNewTokens: 20,
        padId: PAD,
        eosId: EOS,
        forbidden: [PAD, UNK],
        ...options,
      });
    } finally {
      flat.dispose();
    }
  };
  /** Without compilation. */
  const plainly = (options: Options) => {
    const { traced: _, ...tier } = native.tier;
    return sample(options, { ...tier, compile: compileEagerly });
  };
  const assertAlike = (got: Generation[], wanted: Generation[]) => {
    const texts = (all: Generation[]) => all.map(({ tokens, finished }) => ({ tokens, finished }));
    assert.deepEqual(texts(got), texts(wanted));
    got.forEach(({ logProbability }, i) => {
      const off = Math.abs(logProbability - wanted[i].logProbability);
      assert.ok(off <= 1e-5 * Math.max(1, Math.abs(wanted[i].logProbability)), `row ${i} is off by ${off}`);
    });
  };
  /** How many texts go on after so many tokens. */
  const numOpen = (all: Generation[], step: number) =>
    all.filter(({ tokens, finished }) => tokens.length > step || !finished).length;

  it("runs it on a quarter of the rows, where the program is large enough", { skip }, async () => {
    const rowsOfLoops = async (options: Options) => {
      const { traced } = native.tier, sizes: (number | undefined)[] = [];
      assert.ok(traced !== undefined);
      const loop: typeof traced.loop = (condition, body, initial) => {
        sizes.push(initial[1].shape[0]);
        return traced.loop(condition, body, initial);
      };
      await sample(options, { ...native.tier, lanes: 1, traced: { ...traced, loop } });
      return sizes;
    };
    // All rows, groups of rows, one group.
    assert.deepEqual(await rowsOfLoops({ prompts: prompts(200) }), [256, 256, 64]);
    assert.deepEqual(await rowsOfLoops({ prompts: prompts(60), rows: 64 }), [64]);
    const size = { rows: 256, steps: 24 };
    assert.equal(numFewRows({ ...native.tier, engine: "tensorflow 2.21.0, GPU X" }, MODEL, size), 0);
  });

  it("draws what is drawn without compilation, when texts end one by one", { skip }, async () => {
    for (let seed = 0; seed < 3; seed++) {
      const options = { prompts: prompts(200), key: keyFromSeed(seed) };
      const got = await sample(options);
      assertAlike(got, await plainly(options));
      // Both loops make steps: many texts at first, a few that go on, some that never end.
      assert.ok(numOpen(got, 1) > 64 && numOpen(got, 8) < 64 && numOpen(got, 20) > 0);
    }
  });

  it("draws what a program without it draws", { skip }, async () => {
    const options = { prompts: prompts(60) };
    assertAlike(await sample(options), await sample({ ...options, rows: 64 }));
  });

  it("makes no step of it when all texts end at once or the limit comes first", { skip }, async () => {
    const all = Array.from({ length: MODEL.vocabularySize }, (_, id) => id);
    const ended = { prompts: prompts(200), forbidden: all.filter((id) => id !== EOS) };
    const got = await sample(ended);
    assertAlike(got, await plainly(ended));
    assert.ok(got.every(({ tokens, finished }) => tokens.length === 1 && finished));
    for (const maxNewTokens of [7, 8]) {
      const short = { prompts: prompts(300), rows: 1024, forbidden: [PAD, UNK, EOS], maxNewTokens };
      assertAlike(await sample(short), await plainly(short));
    }
  });

  it("ends one group after the other where many texts are long", { skip }, async () => {
    // The first loop stops after 8 tokens.
    for (const [count, maxNewTokens] of [[200, 17], [256, 24], [100, 24]]) {
      const endless = { prompts: prompts(count), forbidden: [PAD, UNK, EOS], maxNewTokens };
      const texts = await sample(endless);
      assertAlike(texts, await plainly(endless));
      assert.ok(texts.every(({ tokens, finished }) => tokens.length === maxNewTokens && !finished));
    }
    const late = { prompts: prompts(256), temperature: 20, maxNewTokens: 24 };
    const texts = await sample(late);
    assertAlike(texts, await plainly(late));
    assert.ok(numOpen(texts, 8) > 64 && numOpen(texts, 24) < numOpen(texts, 8));
  });

  it("takes exactly a quarter of the rows, and one more", { skip }, async () => {
    for (const count of [63, 64, 65]) {
      const options = { prompts: prompts(count), maxNewTokens: 19 };
      assertAlike(await sample(options), await plainly(options));
    }
  });

  it("takes the likeliest tokens when greedy", { skip }, async () => {
    const options: Options = { prompts: prompts(200), temperature: "greedy" };
    assertAlike(await sample(options), await plainly(options));
  });

  it("draws through top-k and top-p", { skip }, async () => {
    const options = { prompts: prompts(200), topK: 5, topP: 0.8 };
    assertAlike(await sample(options), await plainly(options));
  });

  it("goes on with prompts that were run once for all their samples", { skip }, async () => {
    const shared = PROMPTS.flatMap((prompt) => Array.from({ length: 32 }, () => prompt));
    assertAlike(await sample({ prompts: shared, samplesPerPrompt: 32 }), await plainly({ prompts: shared }));
  });
});
