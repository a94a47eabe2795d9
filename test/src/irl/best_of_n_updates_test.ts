// Policy updates by best-of-N and RAFT: chunks, where they sample from, epochs, failures, leaks.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { OptimisePolicy } from "../../../events/mod.ts";
import { NonFiniteError } from "../../../src/base/errors.ts";
import { chosenTextSchema } from "../../../src/data/policy_state_rows.ts";
import { storedRows } from "../../../src/data/stored_rows.ts";
import { optimisePolicy } from "../../../src/irl/optimise_policy.ts";
import { readStateParts } from "../../../src/irl/state_parts.ts";
import type { Tier } from "../../../src/compute/tier.ts";
import { encodeModel } from "../../../src/model/checkpoint.ts";
import { initialParameters } from "../../../src/model/initial_parameters.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { stepFixture, tensorsLeftBy } from "../../support/step_fixture.ts";

type Settings = OptimisePolicy["settings"];

/** The step fixture with commands of four prompts a step and four samples a prompt. */
async function bestFixture(tier: Tier) {
  const fixture = await stepFixture(tier), { config, ports } = fixture;
  const command = (settings: Partial<Settings>, change: Partial<OptimisePolicy> = {}) =>
    fixture.optimisePolicy({
      settings: {
        ...config.policy,
        optimiser: "best-of-n",
        promptsPerStep: 4,
        samplesPerPrompt: 4,
        ...settings,
      },
      ...change,
    });
  const chosen = async (state: string) => {
    const digest = (await readStateParts(ports, state, ["chosen"]))("chosen") ?? "";
    return storedRows(await ports.artifacts.get(digest), chosenTextSchema);
  };
  return { ...fixture, command, chosen };
}

describe("optimisePolicy() by best-of-N", () => {
  const cpu = useCpuTier();

  it("ends with the same bytes in two chunks as in one, also where the cut lies in the second epoch", async () => {
    const { ports, command } = await bestFixture(cpu.tier);
    for (const settings of [{ epochs: 2 }, { optimiser: "raft" as const }]) {
      for (const toStep of [1, 3]) {
        const whole = await optimisePolicy(command(settings), ports);
        const first = await optimisePolicy(command(settings, { toStep }), ports);
        const rest = command(settings, { chunk: 1, fromStep: toStep, state: first.data.state });
        const second = await optimisePolicy(rest, ports);
        assert.deepEqual([second.data.state, second.data.policy], [whole.data.state, whole.data.policy]);
        assert.equal(first.data.tokensGenerated + second.data.tokensGenerated, whole.data.tokensGenerated);
      }
    }
  });

  it("samples every prompt once before any twice, and nothing in later epochs", async () => {
    const { ports, command, chosen } = await bestFixture(cpu.tier);
    const { data } = await optimisePolicy(command({ epochs: 2 }, { toStep: 6, numSteps: 6 }), ports);
    const texts = await chosen(data.state);
    // Three steps of four: all 12 prompts of the fixture.
    assert.deepEqual(texts.map(({ prompt }) => prompt).sort((a, b) => a - b), [...Array(12).keys()]);
    const late = command({ epochs: 2 }, { chunk: 1, fromStep: 3, toStep: 6, numSteps: 6, state: data.state });
    assert.equal((await optimisePolicy(late, ports)).data.tokensGenerated, 0);
  });

  it("trains on the best of each prompt's samples: their reward is no less than the mean", async () => {
    const { ports, command, chosen } = await bestFixture(cpu.tier);
    const { data } = await optimisePolicy(command({}, { toStep: 3, numSteps: 3 }), ports);
    const texts = await chosen(data.state);
    texts.forEach(({ reward, meanReward }) => assert.ok(reward >= meanReward - 1e-9));
    assert.ok(texts.some(({ reward, meanReward }) => reward > meanReward + 0.05));
    assert.ok(Math.abs(data.reward - texts.reduce((sum, text) => sum + text.meanReward, 0) / 12) < 1e-9);
  });

  it("samples from the policy that the iteration starts from, and raft from the current one", async () => {
    const { ports, command } = await bestFixture(cpu.tier);
    const klOf = async (optimiser: "best-of-n" | "raft") => {
      ports.progressed.length = 0;
      await optimisePolicy(command({ optimiser, learningRate: 0.02 }), ports);
      return ports.progressed.map(({ metrics }) => Math.abs(metrics?.kl ?? NaN));
    };
    // The reference is that policy: the log-ratio of its own samples is 0 in every step.
    (await klOf("best-of-n")).forEach((kl) => assert.ok(kl < 1e-5, `${kl}`));
    const [first, ...later] = await klOf("raft");
    assert.ok(first < 1e-5 && later.every((kl) => kl > 1e-3), `${first}, ${later}`);
  });

  it("raises the reward of raft's rollouts", async () => {
    const { ports, command } = await bestFixture(cpu.tier);
    const settings = { optimiser: "raft" as const, learningRate: 0.02, temperature: 1 };
    await optimisePolicy(command(settings, { toStep: 16, numSteps: 16 }), ports);
    const rewards = ports.progressed.map(({ metrics }) => metrics?.reward ?? NaN);
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    assert.ok(
      mean(rewards.slice(-4)) > mean(rewards.slice(0, 4)) + 0.2,
      rewards.map((reward) => reward.toFixed(2)).join(" "),
    );
  });

  it("lets a score stand for the reward of a text without end where the form says so", async () => {
    const { ports, command } = await bestFixture(cpu.tier);
    const settings = { noEosForm: "replace" as const, noEosPenalty: 7, maxNewTokens: 1 };
    const { data } = await optimisePolicy(command(settings, { toStep: 1, numSteps: 1 }), ports);
    // Of texts of one token nearly none is EOS.
    assert.ok(Math.abs(data.reward + 7) < 1.5, `${data.reward}`);
  });

  it("makes the rollouts of a step in smaller batches where it shall", async () => {
    const { ports, command, chosen } = await bestFixture(cpu.tier);
    const { data } = await optimisePolicy(
      command({ rolloutBatchSize: 5 }, { toStep: 2, numSteps: 2 }),
      ports,
    );
    assert.equal((await chosen(data.state)).length, 8);
  });

  it("stops with NonFiniteError where the policy or the reward is not finite", async () => {
    const { ports, command, policyShape, rewardShape } = await bestFixture(cpu.tier);
    const broken = async (shape: typeof policyShape) =>
      await ports.artifacts.put(
        encodeModel(shape, initialParameters(shape, 0.3, "0".repeat(16)).fill(NaN, -1)),
      );
    await assert.rejects(
      optimisePolicy(command({}, { policy: await broken(policyShape) }), ports),
      NonFiniteError,
    );
    await assert.rejects(
      optimisePolicy(command({}, { reward: await broken(rewardShape) }), ports),
      NonFiniteError,
    );
  });

  it("frees every tensor, also when it throws", async () => {
    const { ports, command, stored } = await bestFixture(cpu.tier);
    assert.deepEqual(await tensorsLeftBy(() => optimisePolicy(command({ epochs: 2 }), ports)), { left: 0 });
    const wrong = command({}, { state: stored.prompts });
    const { left, error } = await tensorsLeftBy(() => optimisePolicy(wrong, ports));
    assert.equal(left, 0);
    assert.ok(error !== undefined);
  });
});
