// The reward network, its normalised form and first parameters.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed } from "../../../src/base/random.ts";
import type { Tier } from "../../../src/compute/tier.ts";
import { scoreSequences } from "../../../src/irl/learn_reward.ts";
import { initialParameters, rewardFromPolicy } from "../../../src/model/initial_parameters.ts";
import { type ModelShape, parameterLayout } from "../../../src/model/model_shape.ts";
import { normalisedReward } from "../../../src/model/reward_model.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { PAD, TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";

const REWARD: ModelShape = { ...TINY_SHAPE, head: "reward" };
const SEQUENCES = [
  { prompt: [3, 4, 5], continuation: [6, 7, 0] },
  { prompt: [8], continuation: [3, 0] },
  { prompt: [5, 5], continuation: [4, 8, 3, 6, 0] },
];

/** Has no bias that could hold a shift. */
const LLAMA: ModelShape = { ...REWARD, architecture: "llama", tiedEmbeddings: false, numKeyValueHeads: 1 };

async function scores(
  tier: Tier,
  flat: Float32Array,
  sequences = SEQUENCES,
  model = REWARD,
): Promise<number[]> {
  const parameters = tf.tensor1d(flat);
  const result = await scoreSequences(sequences, { tier, model, parameters, padId: PAD });
  parameters.dispose();
  return Array.from(result);
}

describe("rewardScores()", () => {
  const cpu = useCpuTier();

  it("reads the last token, whatever padding stands behind it", async () => {
    const flat = tinyParameters(REWARD), together = await scores(cpu.tier, flat);
    for (const [i, sequence] of SEQUENCES.entries()) {
      const [alone] = await scores(cpu.tier, flat, [sequence]);
      assert.ok(Math.abs(alone - together[i]) < 1e-5);
    }
    const ended = await scores(cpu.tier, flat, [{ prompt: [3, 4, 5], continuation: [6, 7] }]);
    assert.ok(Math.abs(ended[0] - together[0]) > 1e-3);
  });

  it("permutes with its batch", async () => {
    const flat = tinyParameters(REWARD);
    assert.deepEqual(
      await scores(cpu.tier, flat, [...SEQUENCES].reverse()),
      (await scores(cpu.tier, flat)).reverse(),
    );
  });
});

describe("scoreSequences()", () => {
  const cpu = useCpuTier();

  it("gives equal sequences the same number wherever they stand: a tie stays one", async () => {
    const [first, second, third] = SEQUENCES,
      many = [first, second, first, third, second, first, third, first];
    const got = await scores(cpu.tier, tinyParameters(REWARD), many);
    many.forEach((sequence, i) => assert.equal(got[i], got[many.indexOf(sequence)]));
    assert.equal(new Set(got).size, 3);
  });
});

describe("normalisedReward()", () => {
  const cpu = useCpuTier();

  it("scores scale · (r − shift) exactly, also when it was normalised before", async () => {
    for (const shape of [REWARD, LLAMA]) {
      const flat = tinyParameters(shape), raw = await scores(cpu.tier, flat, SEQUENCES, shape);
      for (const [scale, shift] of [[0.6, 0.3], [1, -4], [4, 0], [0.05, 12]]) {
        const once = normalisedReward(shape, flat, { scale, shift });
        const twice = normalisedReward(once.model, once.flat, { scale: 2, shift: -1 });
        const now = await scores(cpu.tier, once.flat, SEQUENCES, once.model);
        const then = await scores(cpu.tier, twice.flat, SEQUENCES, twice.model);
        raw.forEach((value, i) => {
          const wanted = scale * (value - shift), size = Math.max(1, Math.abs(wanted));
          assert.ok(Math.abs(now[i] - wanted) <= 2e-5 * size, `${now[i]} instead of ${wanted}`);
          assert.ok(Math.abs(then[i] - 2 * (wanted + 1)) <= 6e-5 * size);
        });
      }
    }
  });

  it("keeps the shift in the network where a bias can hold it, and in the shape elsewhere", () => {
    const change = { scale: 0.5, shift: 3 };
    assert.deepEqual(normalisedReward(REWARD, tinyParameters(REWARD), change).model, REWARD);
    const { model } = normalisedReward(LLAMA, tinyParameters(LLAMA), change);
    assert.deepEqual(model, { ...LLAMA, rewardShift: 1.5 });
  });

  it("leaves its argument alone", () => {
    const flat = tinyParameters(REWARD);
    normalisedReward(REWARD, flat, { scale: 2, shift: 1 });
    assert.deepEqual(flat, tinyParameters(REWARD));
  });
});

describe("rewardFromPolicy()", () => {
  it("copies the body and adds a head with deviation 1/√(hidden + 1)", () => {
    const model: ModelShape = { ...TINY_SHAPE, hiddenSize: 512, numLayers: 1 };
    const policy = initialParameters(model, 0.02, keyFromSeed(1));
    const reward = rewardFromPolicy(policy, model, { key: keyFromSeed(2) });
    assert.deepEqual(reward.subarray(0, policy.length), policy);
    const head = Array.from(reward.subarray(policy.length));
    const deviation = Math.sqrt(head.reduce((sum, value) => sum + value ** 2, 0) / head.length);
    // 1/√513 = 0.04415; the deviation of 512 draws is within 10 % of it but once in 1,000.
    assert.ok(Math.abs(deviation / 0.04415 - 1) < 0.1, `${deviation}`);
    assert.equal(parameterLayout({ ...model, head: "reward" }).at(-1)?.name, "score.weight");
  });
});

describe("rewardFromPolicy() of other architectures", () => {
  it("copies every tensor of the body by name and leaves the output embedding out", () => {
    for (const reward of [{ ...REWARD, tiedEmbeddings: false }, LLAMA]) {
      const model: ModelShape = { ...reward, head: "policy" }, policy = tinyParameters(model);
      const flat = rewardFromPolicy(policy, model, { key: keyFromSeed(2) });
      const body = parameterLayout(reward).slice(0, -1);
      for (const { name, offset, size } of body) {
        const source = parameterLayout(model).find((entry) => entry.name === name);
        assert.deepEqual(
          flat.subarray(offset, offset + size),
          policy.subarray(source?.offset, (source?.offset ?? 0) + size),
          name,
        );
      }
      assert.equal(flat.length, body.reduce((sum, { size }) => sum + size, 0) + reward.hiddenSize);
    }
  });
});

describe("initialParameters()", () => {
  it("draws weights with the deviation, norms as ones and biases as zeros; equal keys, equal weights", () => {
    const flat = initialParameters(TINY_SHAPE, 0.02, keyFromSeed(1));
    for (const { offset, size, start } of parameterLayout(TINY_SHAPE)) {
      const values = flat.subarray(offset, offset + size);
      if (start === "normal") assert.ok(values.every((value) => value !== 0 && Math.abs(value) < 0.1));
      else assert.ok(values.every((value) => value === (start === "ones" ? 1 : 0)));
    }
    assert.deepEqual(flat, initialParameters(TINY_SHAPE, 0.02, keyFromSeed(1)));
    assert.notDeepEqual(flat, initialParameters(TINY_SHAPE, 0.02, keyFromSeed(2)));
  });
});
