// The training steps with LoRA on any tier: chunks, what is stored and what goes on, parts of a batch, leaks. Without LoRA see each
// step's test.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { it } from "@std/testing/bdd";
import { LoraConfig } from "../../events/mod.ts";
import { ConfigError, DamageError } from "../../src/base/errors.ts";
import type { Tier } from "../../src/compute/tier.ts";
import { learnReward, scoreSequences } from "../../src/irl/learn_reward.ts";
import { optimisePolicy } from "../../src/irl/optimise_policy.ts";
import { readModel } from "../../src/irl/run_artifacts.ts";
import { sampleGenerations } from "../../src/irl/sample_generations.ts";
import { tokenSequences, tuneSupervised } from "../../src/irl/tune_supervised.ts";
import { parameterLayout } from "../../src/model/model_shape.ts";
import { roundFloats } from "../../src/model/stored_floats.ts";
import { readStoredModel } from "../../src/model/stored_model.ts";
import { DEMONSTRATIONS, stepFixture, tensorsLeftBy } from "./step_fixture.ts";

const LORA = LoraConfig.parse({ rank: 2, alpha: 4 });
type Change = Record<string, unknown>;

/** Every training step as a function of a change of its command: the digests that it made. */
async function loraSteps(tier: Tier) {
  const fixture = await stepFixture(tier), { ports, stored, config } = fixture;
  const { data: { generations } } = await sampleGenerations(
    fixture.sampleGenerations({ numShards: 1 }),
    ports,
  );
  const tune = async (change: Change = {}) => {
    const command = fixture.tuneSupervised({ base: stored.policy, lora: LORA, ...change });
    return (await tuneSupervised(command, ports)).data;
  };
  const learn = async (change: Change = {}) => {
    const command = fixture.learnReward({ generations: [generations], lora: LORA, ...change });
    return (await learnReward(command, ports)).data;
  };
  const optimise = async (change: Change = {}, settings: Change = {}) => {
    const all = { ...config.policy, ...settings };
    const command = fixture.optimisePolicy({ lora: LORA, settings: all, ...change });
    return (await optimisePolicy(command, ports)).data;
  };
  const adapterOf = async (digest: string | null | undefined) => {
    const read = await readStoredModel(ports.artifacts, digest ?? "");
    assert.ok(read.kind === "adapter");
    return read;
  };
  return { ...fixture, tune, learn, optimise, adapterOf };
}

const products = ({ state, policy, result }: { state: string; policy?: unknown; result?: unknown }) => [
  state,
  policy,
  result,
];

export function itTrainsWithLora(opened: { readonly tier: Tier }, skip: string | false = false): void {
  it("end with the same bytes in two chunks as in one", { skip }, async () => {
    const { tune, learn, optimise, stored } = await loraSteps(opened.tier);
    const ppo = { optimiser: "ppo", epochs: 2 }, best = { optimiser: "best-of-n" };
    const steps: [string, (change: Change) => Promise<{ state: string }>][] = [
      ["supervised", tune],
      ["first reward", learn],
      ["second reward", async (change) => learn({ previousReward: (await learn()).result?.raw, ...change })],
      ["second reward on a whole one", (change) => learn({ previousReward: stored.reward, ...change })],
      ["rloo", optimise],
      ["ppo", (change) => optimise(change, ppo)],
      ["best-of-n", (change) => optimise(change, best)],
    ];
    for (const [name, step] of steps) {
      const whole = await step({ toStep: 2, numSteps: 2 });
      const { state } = await step({ toStep: 1, numSteps: 2 });
      const second = await step({ chunk: 1, fromStep: 1, toStep: 2, numSteps: 2, state });
      assert.deepEqual(products(second), products(whole), name);
    }
  });

  it(
    "store an adapter on the base that they were given, and change its target layers alone",
    { skip },
    async () => {
      const { tune, learn, optimise, stored, ports, adapterOf } = await loraSteps(opened.tier);
      const before = await readModel(ports, stored.policy), lora = { ...LORA, targetModules: ["dense"] };
      for (const { policy } of [await tune({ lora }), await optimise({ lora })]) {
        const { adapter, base } = await adapterOf(policy);
        assert.deepEqual([adapter.base, base], [stored.policy, before.flat]);
        const after = await readModel(ports, policy ?? "");
        assert.deepEqual(after.model, before.model);
        const changed = parameterLayout(after.model).filter(({ offset, size }) =>
          after.flat.subarray(offset, offset + size).some((value, i) => value !== before.flat[offset + i])
        );
        assert.deepEqual(changed.map(({ name }) => name), ["gpt_neox.layers.0.attention.dense.weight"]);
      }
      const { result } = await learn();
      const reward = await adapterOf(result?.raw);
      assert.deepEqual([reward.adapter.base, reward.adapter.model.head], [stored.policy, "reward"]);
    },
  );

  it(
    "go on with an adapter of the same settings: one base and one rank for the whole run",
    { skip },
    async () => {
      const { tune, learn, optimise, stored, adapterOf, config } = await loraSteps(opened.tier);
      const { policy: sft } = await tune(), { result } = await learn({ policy: sft });
      const still = { ...config.policy, learningRate: 1e-12, weightDecay: 0 };
      const { policy } = await optimise({
        policy: sft,
        reference: sft,
        reward: result?.reward,
        settings: still,
      });
      const [first, next] = [await adapterOf(sft), await adapterOf(policy)];
      assert.deepEqual([next.adapter.base, next.adapter.config], [stored.policy, first.adapter.config]);
      next.adapter.flat.forEach((value, i) => assert.ok(Math.abs(value - first.adapter.flat[i]) < 1e-6));
      const again = await learn({ policy: sft, previousReward: result?.raw });
      const [raw, second] = [await adapterOf(result?.raw), await adapterOf(again.result?.raw)];
      assert.deepEqual([raw.adapter.base, second.adapter.base], [sft, sft]);
      // Other settings: a fresh adapter on what there is.
      const other = await optimise({ policy: sft, lora: { ...LORA, rank: 1 } });
      assert.equal((await adapterOf(other.policy)).adapter.base, sft);
    },
  );

  it(
    "start the second reward at ln 2: the difference to the frozen one is zero (Eq. (11))",
    { skip },
    async () => {
      const { learn, ports } = await loraSteps(opened.tier);
      for (const baseType of ["F32", "BF16"]) {
        const lora = { ...LORA, baseType }, { result } = await learn({ lora });
        ports.progressed.length = 0;
        await learn({ lora, previousReward: result?.raw, toStep: 1 });
        assert.ok(Math.abs((ports.progressed[0].metrics?.loss ?? NaN) - Math.LN2) < 1e-6);
      }
    },
  );

  it(
    "write the normalised reward: mean 0 on demonstrations, scaled by the calibration",
    { skip },
    async () => {
      const { learn, ports, tokenizer } = await loraSteps(opened.tier), { result } = await learn();
      assert.ok(result);
      const sequences = tokenSequences(DEMONSTRATIONS, tokenizer, Infinity);
      const scoresOf = async (digest: string) => {
        const { model, flat } = await readModel(ports, digest), parameters = tf.tensor1d(flat);
        const { padId } = tokenizer, scorer = { tier: opened.tier, model, parameters, padId };
        return Array.from(await scoreSequences(sequences, scorer).finally(() => parameters.dispose()));
      };
      const raw = await scoresOf(result.raw), normal = await scoresOf(result.reward);
      assert.ok(Math.abs(normal.reduce((a, b) => a + b)) / normal.length < 1e-5);
      normal.forEach((value, i) =>
        assert.ok(Math.abs(value - result.calibration * (raw[i] - result.shift)) < 1e-5)
      );
    },
  );

  it("train a network that is drawn from the seed whole: there is nothing to adapt", { skip }, async () => {
    const { tune } = await loraSteps(opened.tier);
    assert.deepEqual(await tune({ base: null }), await tune({ base: null, lora: null }));
  });

  it("round the frozen base where that is asked for, and nothing else", { skip }, async () => {
    const { tune, stored, ports, adapterOf } = await loraSteps(opened.tier);
    const { policy } = await tune({ lora: { ...LORA, baseType: "BF16" } });
    const { flat } = await readModel(ports, stored.policy), { base, adapter } = await adapterOf(policy);
    roundFloats(flat, "BF16");
    assert.deepEqual(base, flat);
    const rounded = adapter.flat.slice();
    roundFloats(rounded, "BF16");
    assert.notDeepEqual(adapter.flat, rounded);
  });

  it("learn: the supervised loss falls, and so does the first reward's", { skip }, async () => {
    const { tune, learn, ports, config } = await loraSteps(opened.tier);
    const losses = async (step: Promise<unknown>) => {
      ports.progressed.length = 0;
      await step;
      return ports.progressed.map(({ metrics }) => metrics?.loss ?? NaN);
    };
    const long = { toStep: 16, numSteps: 16 }, rate = { learningRate: 0.06 };
    const falls = [
      await losses(tune({ ...long, settings: { ...config.supervised, ...rate } })),
      await losses(learn({ ...long, settings: { ...config.reward, ...rate } })),
    ];
    for (const list of falls) {
      const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
      assert.ok(mean(list.slice(-4)) < 0.85 * mean(list.slice(0, 4)), list.join(" "));
    }
  });

  it("come to the same policy when a batch is cut into parts", { skip }, async () => {
    const { optimise, ports } = await loraSteps(opened.tier);
    for (const optimiser of ["rloo", "ppo"]) {
      const flats: Float32Array[] = [];
      for (const microbatchSize of [64, 2]) {
        const { policy } = await optimise({ toStep: 1, numSteps: 1 }, { optimiser, microbatchSize });
        flats.push((await readModel(ports, policy ?? "")).flat);
      }
      flats[0].forEach((value, i) => assert.ok(Math.abs(value - flats[1][i]) < 1e-5));
    }
  });

  it("free every tensor, also when they throw", { skip }, async () => {
    const { tune, learn, optimise, stored } = await loraSteps(opened.tier), none = `sha256:${"0".repeat(64)}`;
    const steps: ((change: Change) => Promise<unknown>)[] = [
      tune,
      (change) => learn({ previousReward: stored.reward, ...change }),
      optimise,
      (change) => optimise(change, { optimiser: "ppo" }),
      (change) => optimise(change, { optimiser: "best-of-n" }),
    ];
    for (const [i, step] of steps.entries()) {
      assert.deepEqual(await tensorsLeftBy(() => step({})), { left: 0 }, `step ${i}`);
      const missing = await tensorsLeftBy(() => step({ state: none }));
      assert.deepEqual([missing.left, missing.error instanceof DamageError], [0, true], `step ${i}`);
      const wrong = await tensorsLeftBy(() => step({ lora: { ...LORA, targetModules: ["q_proj"] } }));
      assert.deepEqual([wrong.left, wrong.error instanceof ConfigError], [0, true], `step ${i}`);
    }
  });
}
