// Step "policy": chunks, KL, penalty, failures, leaks.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { OptimisePolicy } from "../../../events/mod.ts";
import { DamageError, NonFiniteError } from "../../../src/base/errors.ts";
import { optimisePolicy } from "../../../src/irl/optimise_policy.ts";
import { encodeModel } from "../../../src/model/checkpoint.ts";
import { initialParameters } from "../../../src/model/initial_parameters.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { stepFixture, tensorsLeftBy } from "../../support/step_fixture.ts";

describe("optimisePolicy()", () => {
  const cpu = useCpuTier();

  it("ends with the same bytes in two chunks as in one", async () => {
    const { ports, optimisePolicy: command } = await stepFixture(cpu.tier);
    const whole = await optimisePolicy(command(), ports);
    const first = await optimisePolicy(command({ toStep: 2 }), ports);
    assert.equal(first.data.policy, null);
    const second = await optimisePolicy(command({ chunk: 1, fromStep: 2, state: first.data.state }), ports);
    assert.deepEqual([second.data.state, second.data.policy], [whole.data.state, whole.data.policy]);
    for (const count of ["tokensGenerated", "tokensTrained"] as const) {
      assert.equal(first.data[count] + second.data[count], whole.data[count]);
    }
    assert.ok(Math.abs((first.data.reward + second.data.reward) / 2 - whole.data.reward) < 1e-6);
  });

  it("reports KL 0 before its first update and Eq. (3)'s value from reward and KL", async () => {
    const { ports, optimisePolicy: command, config } = await stepFixture(cpu.tier);
    const { data } = await optimisePolicy(command(), ports);
    assert.ok(Math.abs(ports.progressed[0].metrics?.kl ?? NaN) < 1e-5);
    assert.ok(Math.abs(data.objective - (data.reward - config.policy.klCoefficient * data.kl)) < 1e-9);
  });

  it("starts from and measures against the policy that the switches name", async () => {
    const { ports, optimisePolicy: command, config, policyShape } = await stepFixture(cpu.tier);
    const sft = await ports.artifacts.put(
      encodeModel(policyShape, initialParameters(policyShape, 0.3, "1".repeat(16))),
    );
    const firstKl = async (settings: Partial<OptimisePolicy["settings"]>) => {
      ports.progressed.length = 0;
      const change = { settings: { ...config.policy, ...settings }, reference: sft, toStep: 1, numSteps: 1 };
      await optimisePolicy(command(change), ports);
      return Math.abs(ports.progressed[0].metrics?.kl ?? NaN);
    };
    // The KL is 0 where the rollouts' policy is the reference.
    assert.ok(await firstKl({}) > 0.1);
    assert.ok(await firstKl({ klReference: "previous-policy" }) < 1e-5);
    assert.ok(await firstKl({ start: "sft" }) < 1e-5);
    assert.ok(await firstKl({ start: "sft", klReference: "previous-policy" }) > 0.1);
  });

  it("raises the reward of its rollouts", async () => {
    const { ports, optimisePolicy: command, config } = await stepFixture(cpu.tier);
    const settings = {
      ...config.policy,
      promptsPerStep: 6,
      samplesPerPrompt: 4,
      learningRate: 0.02,
      klCoefficient: 0,
      temperature: 1,
    };
    await optimisePolicy(command({ settings, toStep: 16, numSteps: 16 }), ports);
    const rewards = ports.progressed.map(({ metrics }) => metrics?.reward ?? NaN);
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    // Its spread over one update's rollouts is about 0.1; the rise is several times that.
    assert.ok(
      mean(rewards.slice(-4)) > mean(rewards.slice(0, 4)) + 0.5,
      rewards.map((r) => r.toFixed(2)).join(" "),
    );
  });

  it("ends rollouts with the context, however many new tokens are asked for", async () => {
    const { ports, optimisePolicy: command, config } = await stepFixture(cpu.tier);
    const settings = { ...config.policy, maxNewTokens: 1000 };
    const { data } = await optimisePolicy(command({ settings }), ports);
    const numRollouts = settings.steps * settings.promptsPerStep * settings.samplesPerPrompt;
    assert.ok(data.tokensGenerated <= numRollouts * config.model.maxPositions);
  });

  it("subtracts the penalty of a text without end", async () => {
    const { ports, optimisePolicy: command, config } = await stepFixture(cpu.tier);
    const rewardOf = async (noEosPenalty: number) => {
      const settings = { ...config.policy, noEosPenalty, maxNewTokens: 1 };
      return (await optimisePolicy(command({ settings, toStep: 1, numSteps: 1 }), ports)).data.reward;
    };
    // Of texts of one token, those that are not EOS itself have no end: nearly all.
    const difference = await rewardOf(0) - await rewardOf(3);
    assert.ok(difference > 1.5 && difference <= 3 + 1e-5, `${difference}`);
  });

  it("stops with NonFiniteError where the policy or the reward is not finite", async () => {
    const { ports, optimisePolicy: command, policyShape, rewardShape, brokenState } = await stepFixture(
      cpu.tier,
    );
    const state = await brokenState(policyShape);
    await assert.rejects(optimisePolicy(command({ state }), ports), NonFiniteError);
    const flat = initialParameters(rewardShape, 0.3, "0".repeat(16)).fill(NaN, -1);
    const reward = await ports.artifacts.put(encodeModel(rewardShape, flat));
    await assert.rejects(optimisePolicy(command({ reward }), ports), NonFiniteError);
  });

  it("frees every tensor, also when it throws", async () => {
    const { ports, optimisePolicy: command, policyShape, brokenState } = await stepFixture(cpu.tier);
    assert.deepEqual(await tensorsLeftBy(() => optimisePolicy(command(), ports)), { left: 0 });
    for (const state of [await brokenState(policyShape), `sha256:${"0".repeat(64)}`]) {
      const { left, error } = await tensorsLeftBy(() => optimisePolicy(command({ state }), ports));
      assert.equal(left, 0, String(error));
      assert.ok(error instanceof NonFiniteError || error instanceof DamageError, String(error));
    }
  });
});
