// Step "reward": its other forms and units, a score head of another size, and batches cut into parts.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { LearnReward } from "../../../events/mod.ts";
import type { Tier } from "../../../src/compute/tier.ts";
import { learnReward } from "../../../src/irl/learn_reward.ts";
import { readModel } from "../../../src/irl/run_artifacts.ts";
import { sampleGenerations } from "../../../src/irl/sample_generations.ts";
import { tuneSupervised } from "../../../src/irl/tune_supervised.ts";
import { parameterLayout, SCORE_NAME } from "../../../src/model/model_shape.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { stepFixture } from "../../support/step_fixture.ts";

/** Runs the reward step of two training steps with changed settings, after a previous reward or without. */
async function rewardFixture(tier: Tier) {
  const fixture = await stepFixture(tier), { config, ports } = fixture;
  const generations: string[] = [];
  for (const shard of [0, 1]) {
    generations.push((await sampleGenerations(fixture.sampleGenerations({ shard }), ports)).data.generations);
  }
  const learn = async (settings: Partial<LearnReward["settings"]>, change: Partial<LearnReward> = {}) => {
    const command = { generations, settings: { ...config.reward, ...settings }, toStep: 2, numSteps: 2 };
    const { data } = await learnReward(fixture.learnReward({ ...command, ...change }), ports);
    assert.ok(data.result !== null);
    return { ...data.result, loss: data.loss };
  };
  return { ...fixture, learn };
}

/** Largest difference of two parameter vectors. */
function distance(first: Float32Array, second: Float32Array): number {
  return first.reduce((most, value, i) => Math.max(most, Math.abs(value - second[i])), 0);
}

describe("learnReward()", () => {
  const cpu = useCpuTier();

  it("starts from SFT in the form newest, whatever the previous reward, and from that in the form warm", async () => {
    const { ports, learn, stored } = await rewardFixture(cpu.tier);
    const previousReward = stored.reward, still = { learningRate: 1e-9, weightDecay: 0 };
    const newest = await learn({ ...still, kind: "newest" }, { previousReward });
    assert.equal(newest.raw, (await learn({ ...still, kind: "newest" })).raw);
    const warm = await learn({ ...still, kind: "warm" }, { previousReward });
    const [from, to] = [await readModel(ports, previousReward), await readModel(ports, warm.raw)];
    assert.ok(distance(from.flat, to.flat) < 1e-7);
    assert.ok(distance((await readModel(ports, newest.raw)).flat, to.flat) > 0.1);
    // Eq. (11) on the reward itself, not on its difference to a frozen one, which would start at ln 2.
    assert.ok(Math.abs(warm.loss - Math.LN2) > 1e-3);
  });

  it("hands the policy raw logits with mean 0 in the unit mean, and raw logits in the unit none", async () => {
    const { ports, learn } = await rewardFixture(cpu.tier);
    const mean = await learn({ unit: "mean" }), none = await learn({ unit: "none" });
    assert.equal(none.reward, none.raw);
    assert.equal(none.shift, 0);
    const raw = await readModel(ports, mean.raw), shifted = await readModel(ports, mean.reward);
    const head = ({ model, flat }: typeof raw) => {
      const { offset, size } = parameterLayout(model).find(({ name }) => name === SCORE_NAME) ??
        { offset: 0, size: 0 };
      return flat.subarray(offset, offset + size);
    };
    assert.deepEqual(head(raw), head(shifted));
    const scaled = await readModel(ports, (await learn({ unit: "mean-and-std" })).reward);
    assert.ok(distance(head(scaled), head(raw)) > 1e-3);
  });

  it("draws a new score head with the deviation that it is given", async () => {
    const { ports, learn } = await rewardFixture(cpu.tier);
    const headOf = async (headDeviation: number | null) => {
      const { model, flat } = await readModel(
        ports,
        (await learn({ headDeviation, learningRate: 1e-9, weightDecay: 0 })).raw,
      );
      return flat.subarray(flat.length - model.hiddenSize);
    };
    const usual = await headOf(null), wide = await headOf(2);
    // 1/√(8 + 1) against 2: a factor of 6.
    usual.forEach((value, i) => assert.ok(Math.abs(wide[i] - 6 * value) < 1e-4));
  });

  it("makes the same update however a batch is cut into parts", async () => {
    const { ports, learn } = await rewardFixture(cpu.tier);
    const settings = { epsilon: 1, learningRate: 0.1 };
    const flatOf = async (microbatchSize: number | null) =>
      (await readModel(ports, (await learn({ ...settings, microbatchSize })).raw)).flat;
    assert.ok(distance(await flatOf(null), await flatOf(2)) < 1e-5);
  });
});

describe("tuneSupervised()", () => {
  const cpu = useCpuTier();

  it("makes the same update however a batch is cut into parts", async () => {
    const { ports, config, tuneSupervised: command } = await stepFixture(cpu.tier);
    const flatOf = async (microbatchSize: number | null) => {
      const settings = { ...config.supervised, epsilon: 1, learningRate: 0.1, microbatchSize };
      const { data } = await tuneSupervised(command({ settings }), ports);
      return (await readModel(ports, data.policy ?? "")).flat;
    };
    assert.ok(distance(await flatOf(null), await flatOf(4)) < 1e-5);
  });
});
