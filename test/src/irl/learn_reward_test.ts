// Step "reward": chunks, residual form, unit, failures, leaks.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { encodeJsonLines } from "../../../src/base/json_lines.ts";
import { DamageError, NonFiniteError } from "../../../src/base/errors.ts";
import { learnReward, scoreSequences } from "../../../src/irl/learn_reward.ts";
import { readModel } from "../../../src/irl/run_artifacts.ts";
import { sampleGenerations } from "../../../src/irl/sample_generations.ts";
import { tokenSequences } from "../../../src/irl/tune_supervised.ts";
import type { Tier } from "../../../src/compute/tier.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { DEMONSTRATIONS, stepFixture, tensorsLeftBy } from "../../support/step_fixture.ts";

/** The fixture with generations in it: 24, of which every fourth demonstration's are held out. */
async function rewardFixture(tier: Tier) {
  const fixture = await stepFixture(tier), { ports } = fixture;
  const generations: string[] = [];
  for (const shard of [0, 1]) {
    generations.push((await sampleGenerations(fixture.sampleGenerations({ shard }), ports)).data.generations);
  }
  ports.progressed.length = 0;
  const command = (change: Partial<Parameters<typeof fixture.learnReward>[0]> = {}) =>
    fixture.learnReward({ generations, ...change });
  return { ...fixture, command };
}

describe("learnReward()", () => {
  const cpu = useCpuTier();

  it("ends with the same bytes in two chunks as in one, in iteration 1 and after it", async () => {
    const { ports, command, stored } = await rewardFixture(cpu.tier);
    for (const previousReward of [null, stored.reward]) {
      const whole = await learnReward(command({ previousReward }), ports);
      const first = await learnReward(command({ previousReward, toStep: 2 }), ports);
      assert.equal(first.data.result, null);
      const next = { previousReward, chunk: 1, fromStep: 2, state: first.data.state };
      const second = await learnReward(command(next), ports);
      assert.deepEqual([second.data.state, second.data.result], [whole.data.state, whole.data.result]);
      assert.equal(first.data.tokensTrained + second.data.tokensTrained, whole.data.tokensTrained);
    }
  });

  it("starts at ln 2 after iteration 1: the difference to the frozen reward is zero (Eq. (11))", async () => {
    const { ports, command, stored, config } = await rewardFixture(cpu.tier);
    const settings = { ...config.reward, residualLearningRate: 2e-3 };
    await learnReward(command({ previousReward: stored.reward, toStep: 1, numSteps: 1 }), ports);
    assert.ok(Math.abs((ports.progressed[0].metrics?.loss ?? NaN) - Math.LN2) < 1e-6);
    await learnReward(command({ previousReward: stored.reward, settings, toStep: 20, numSteps: 20 }), ports);
    const losses = ports.progressed.map(({ metrics }) => metrics?.loss ?? NaN);
    const late = losses.slice(-10).reduce((sum, loss) => sum + loss, 0) / 10;
    assert.ok(late < 0.95 * Math.LN2, `after 20 steps the loss is ${late}`);
  });

  it("makes no pair of a demonstration with an unknown word, which alone would tell it from any generation", async () => {
    const { ports, command } = await rewardFixture(cpu.tier);
    const changed = DEMONSTRATIONS.map((row, i) =>
      i % 3 === 1 ? { ...row, completion: "Zyx likes xyz." } : row
    );
    const demonstrations = await ports.artifacts.put(encodeJsonLines(changed));
    const { data } = await learnReward(command({ demonstrations }), ports);
    // 12 demonstrations with 2 generations each; rows 1, 4, 7 and 10 are left out.
    assert.equal(data.result?.numPairs, 16);
    const unknown = await ports.artifacts.put(
      encodeJsonLines(changed.map((row) => ({ ...row, completion: "Zyx." }))),
    );
    await assert.rejects(learnReward(command({ demonstrations: unknown }), ports), /without unknown words/);
  });

  it("writes the normalised reward: mean 0 on demonstrations, scaled by the calibration", async () => {
    const { ports, command, tokenizer } = await rewardFixture(cpu.tier);
    const { data: { result } } = await learnReward(command(), ports);
    assert.ok(result !== null);
    const sequences = tokenSequences(DEMONSTRATIONS, tokenizer, Infinity);
    const scoresOf = async (digest: string) => {
      const { model, flat } = await readModel(ports, digest), parameters = tf.tensor1d(flat);
      const scores = await scoreSequences(sequences, {
        tier: cpu.tier,
        model,
        parameters,
        padId: tokenizer.padId,
      });
      parameters.dispose();
      return Array.from(scores);
    };
    const raw = await scoresOf(result.raw), normal = await scoresOf(result.reward);
    assert.ok(Math.abs(normal.reduce((a, b) => a + b)) / normal.length < 1e-5);
    normal.forEach((value, i) =>
      assert.ok(Math.abs(value - result.calibration * (raw[i] - result.shift)) < 1e-5)
    );
    // 12 demonstrations with 2 generations each; rows 0, 4 and 8 held out: 6 pairs, so accuracy is a number of sixths.
    assert.equal(result.numPairs, 24);
    assert.ok(Number.isInteger(Math.round(result.heldOutPairAccuracy * 6 * 1e9) / 1e9));
  });

  it("stops with NonFiniteError at the first loss that is not finite", async () => {
    const { ports, command, rewardShape, brokenState } = await rewardFixture(cpu.tier);
    const state = await brokenState(rewardShape);
    await assert.rejects(
      learnReward(command({ state }), ports),
      (error) =>
        error instanceof NonFiniteError &&
        /reward step: the loss of training step 1 is NaN/.test(error.message),
    );
  });

  it("frees every tensor, also when it throws", async () => {
    const { ports, command, stored, rewardShape, brokenState } = await rewardFixture(cpu.tier);
    const previousReward = stored.reward, none = `sha256:${"0".repeat(64)}`;
    assert.deepEqual(await tensorsLeftBy(() => learnReward(command({ previousReward }), ports)), { left: 0 });
    const state = await brokenState(rewardShape);
    for (
      const change of [{ previousReward, state }, { previousReward, generations: [none] }, {
        previousReward,
        state: none,
      }]
    ) {
      const { left, error } = await tensorsLeftBy(() => learnReward(command(change), ports));
      assert.equal(left, 0);
      assert.ok(error instanceof NonFiniteError || error instanceof DamageError, String(error));
    }
  });
});
