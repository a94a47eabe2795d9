// Policy updates by PPO: chunks, first ratio, minibatches, microbatches, failures, leaks.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { OptimisePolicy } from "../../../events/mod.ts";
import { NonFiniteError } from "../../../src/base/errors.ts";
import { optimisePolicy } from "../../../src/irl/optimise_policy.ts";
import { readModel } from "../../../src/irl/run_artifacts.ts";
import { readStateParts } from "../../../src/irl/state_parts.ts";
import type { Tier } from "../../../src/compute/tier.ts";
import { encodeModel } from "../../../src/model/checkpoint.ts";
import { initialParameters } from "../../../src/model/initial_parameters.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { stepFixture, tensorsLeftBy } from "../../support/step_fixture.ts";

type Settings = OptimisePolicy["settings"];

/** The step fixture with PPO commands: two epochs of two minibatches, one rollout a prompt. */
async function ppoFixture(tier: Tier) {
  const fixture = await stepFixture(tier), { config } = fixture;
  const settings: Settings = {
    ...config.policy,
    optimiser: "ppo",
    promptsPerStep: 6,
    samplesPerPrompt: 1,
    epochs: 2,
    ppo: { ...config.policy.ppo, minibatches: 2 },
  };
  const command = (change: Partial<Settings> = {}, more: Partial<OptimisePolicy> = {}) =>
    fixture.optimisePolicy({ settings: { ...settings, ...change }, ...more });
  return { ...fixture, settings, command };
}

describe("optimisePolicy() by PPO", () => {
  const cpu = useCpuTier();

  it("ends with the same bytes in two chunks as in one, both networks and all moments", async () => {
    const { ports, command } = await ppoFixture(cpu.tier);
    const whole = await optimisePolicy(command(), ports);
    const first = await optimisePolicy(command({}, { toStep: 2 }), ports);
    assert.equal(first.data.policy, null);
    const rest = command({}, { chunk: 1, fromStep: 2, state: first.data.state });
    const second = await optimisePolicy(rest, ports);
    assert.deepEqual([second.data.state, second.data.policy], [whole.data.state, whole.data.policy]);
    assert.equal(first.data.tokensTrained + second.data.tokensTrained, whole.data.tokensTrained);
    const part = await readStateParts(ports, whole.data.state, ["policy", "value"]);
    assert.ok(part("policy") !== null && part("policy") !== part("value"));
  });

  it("starts every batch at the ratio 1 between trainer and sampler, within 1e-5", async () => {
    const { ports, command } = await ppoFixture(cpu.tier);
    await optimisePolicy(command({ learningRate: 0.01, temperature: 0.7 }), ports);
    for (const { metrics } of ports.progressed) assert.ok((metrics?.firstRatioError ?? NaN) <= 1e-5);
  });

  it("reports KL 0 before its first update, and Eq. (3)'s value", async () => {
    const { ports, command, settings } = await ppoFixture(cpu.tier);
    const { data } = await optimisePolicy(command(), ports);
    assert.ok(Math.abs(ports.progressed[0].metrics?.kl ?? NaN) < 1e-5);
    assert.ok(Math.abs(data.objective - (data.reward - settings.klCoefficient * data.kl)) < 1e-9);
  });

  it("makes the same update however the activations are cut into parts", async () => {
    const { ports, command } = await ppoFixture(cpu.tier);
    const flatOf = async (microbatchSize: number) => {
      // With a large epsilon an update is proportional to its gradient, whatever rounding leaves of gradients that are zero.
      const settings = { microbatchSize, epsilon: 1, learningRate: 0.1 };
      const { data } = await optimisePolicy(command(settings, { toStep: 1, numSteps: 1 }), ports);
      return (await readModel(ports, data.policy ?? "")).flat;
    };
    const whole = await flatOf(6), cut = await flatOf(1);
    whole.forEach((value, i) => assert.ok(Math.abs(value - cut[i]) < 1e-5, `parameter ${i}`));
  });

  it("raises the reward of its rollouts and lowers the error of its values", async () => {
    const { ports, command, settings } = await ppoFixture(cpu.tier);
    const change = {
      promptsPerStep: 12,
      learningRate: 0.02,
      klCoefficient: 0,
      temperature: 1,
      ppo: { ...settings.ppo, minibatches: 1 },
    };
    await optimisePolicy(command(change, { toStep: 12, numSteps: 12 }), ports);
    const curve = (name: string) => ports.progressed.map(({ metrics }) => metrics?.[name] ?? NaN);
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    const rises = (values: number[]) => mean(values.slice(-4)) - mean(values.slice(0, 4));
    assert.ok(rises(curve("reward")) > 0.5, curve("reward").map((value) => value.toFixed(2)).join(" "));
    assert.ok(rises(curve("valueLoss")) < 0, curve("valueLoss").map((value) => value.toFixed(3)).join(" "));
  });

  it("stops with NonFiniteError where the policy or the reward is not finite", async () => {
    const { ports, command, policyShape, rewardShape } = await ppoFixture(cpu.tier);
    const broken = async (shape: typeof policyShape) =>
      await ports.artifacts.put(
        encodeModel(shape, initialParameters(shape, 0.3, "0".repeat(16)).fill(NaN, -1)),
      );
    for (const change of [{ policy: await broken(policyShape) }, { reward: await broken(rewardShape) }]) {
      await assert.rejects(optimisePolicy(command({}, change), ports), NonFiniteError);
    }
  });

  it("frees every tensor, also when it throws", async () => {
    const { ports, command, stored } = await ppoFixture(cpu.tier);
    assert.deepEqual(await tensorsLeftBy(() => optimisePolicy(command(), ports)), { left: 0 });
    const wrong = command({}, { state: stored.prompts });
    const { left, error } = await tensorsLeftBy(() => optimisePolicy(wrong, ports));
    assert.equal(left, 0);
    assert.ok(error !== undefined);
  });
});
