// The trainer behind SFT, reward learning and policy optimisation: parts of a batch, and a loss that is not finite.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { NonFiniteError, ShapeError } from "../../../src/base/errors.ts";
import { keyFromSeed } from "../../../src/base/random.ts";
import { type BatchPart, openTrainer, type Trainer } from "../../../src/irl/train_chunk.ts";
import type { StepPorts } from "../../../src/irl/step_ports.ts";
import { initialAdapter, mergedParameters } from "../../../src/model/lora.ts";
import { loraAdapter, type Trainable, wholeModel } from "../../../src/model/trainable.ts";
import { memoryArtifacts } from "../../../src/store/memory_artifacts.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { nativeSkip, useNativeTier } from "../../support/native_tier.ts";
import { TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";

const start = tinyParameters();

/** Half the mean squared distance of the network's parameters to a number; all of it is trained unless an adapter is given. */
function openOn(
  tier: StepPorts["tier"],
  { trainable, parameters }: { trainable: Trainable; parameters: Float32Array } = {
    trainable: wholeModel(TINY_SHAPE),
    parameters: start.slice(),
  },
): Trainer {
  const ports: StepPorts = { tier, artifacts: memoryArtifacts(), progress: () => {} };
  const zeros = () => new Float32Array(parameters.length);
  return openTrainer(ports, { parameters, firstMoment: zeros(), secondMoment: zeros(), step: 0 }, {
    name: "distance",
    model: TINY_SHAPE,
    trainable,
    optimiser: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, gradientNorm: 1 },
    learningRate: 0.01,
    warmupSteps: 0,
    rateFloor: 0.1,
    schedule: "constant",
    numSteps: 10,
    lossSettings: "distance",
    loss: (flat, target) => tf.mul<tf.Scalar>(tf.mean(tf.square(tf.sub(flat, target))), 0.5),
  });
}

const part = (target: number, weight = 1): BatchPart => ({ tensors: [tf.scalar(target)], weight });

async function update(trainer: Trainer, step: number, parts: readonly BatchPart[]): Promise<number> {
  return await trainer.update(step, parts).finally(() => tf.dispose(parts.map(({ tensors }) => tensors)));
}

function contract(opened: { readonly tier: StepPorts["tier"] }, skip: string | false): void {
  it("adds the gradients of a batch's parts: those of equal parts are that of one", { skip }, async () => {
    const whole = openOn(opened.tier), parted = openOn(opened.tier);
    for (let step = 0; step < 3; step++) {
      const loss = await update(whole, step, [part(2)]);
      const sum = await update(parted, step, [part(2, 0.5), part(2, 0.25), part(2, 0.25)]);
      assert.ok(Math.abs(loss - sum) <= 1e-6 * loss);
    }
    const [wanted, got] = [await whole.state(3), await parted.state(3)];
    got.parameters.forEach((value, i) => assert.ok(Math.abs(value - wanted.parameters[i]) <= 1e-6));
    assert.notDeepEqual(wanted.parameters, start);
    whole.close();
    parted.close();
  });

  it("leaves the state as it was when a loss is not finite, and goes on from there", { skip }, async () => {
    const trainer = openOn(opened.tier), calm = openOn(opened.tier);
    await update(trainer, 0, [part(1, 0.5), part(3, 0.5)]);
    await update(calm, 0, [part(1, 0.5), part(3, 0.5)]);
    const before = await trainer.state(1),
      bad: BatchPart[][] = [
        [part(NaN)],
        [part(1, 0.5), part(Infinity, 0.5)],
        [part(NaN, 0.5), part(1, 0.5)],
      ];
    for (const parts of bad) {
      await assert.rejects(
        update(trainer, 1, parts),
        (error) =>
          error instanceof NonFiniteError && /^distance: the loss of training step 2 is/.test(error.message),
      );
      assert.deepEqual(await trainer.state(1), before);
    }
    const next = [await update(trainer, 1, [part(1, 0.5), part(3, 0.5)]), await trainer.state(2)];
    assert.deepEqual(next, [await update(calm, 1, [part(1, 0.5), part(3, 0.5)]), await calm.state(2)]);
    trainer.close();
    calm.close();
  });

  it(
    "trains an adapter alone, in parts as whole, and shows the network that it makes",
    { skip },
    async () => {
      const config = { rank: 2, alpha: 4, rankStabilised: false, targetModules: ["attention.dense"] };
      const adapted = { model: TINY_SHAPE, config }, base = tf.tensor1d(start);
      const parameters = initialAdapter(adapted, { base: start, key: keyFromSeed(2) });
      const open = () => openOn(opened.tier, { trainable: loraAdapter(adapted, base), parameters });
      const whole = open(), parted = open();
      assert.deepEqual(Float32Array.from(await whole.parameters().data()), start);
      for (let step = 0; step < 2; step++) {
        await update(whole, step, [part(2)]);
        await update(parted, step, [part(2, 0.5), part(2, 0.5)]);
      }
      const [wanted, got] = [await whole.state(2), await parted.state(2)];
      got.parameters.forEach((value, i) => assert.ok(Math.abs(value - wanted.parameters[i]) <= 1e-6));
      const merged = mergedParameters(adapted, { base: start, adapter: wanted.parameters });
      (await whole.parameters().data()).forEach((value, i) => assert.ok(Math.abs(value - merged[i]) <= 1e-6));
      assert.notDeepEqual(merged, start);
      assert.deepEqual(Float32Array.from(await base.data()), start);
      whole.close();
      parted.close();
      assert.throws(
        () => openOn(opened.tier, { trainable: loraAdapter(adapted, base), parameters: start }),
        ShapeError,
      );
      base.dispose();
    },
  );

  it("shows current parameters, and takes them back with the next update", { skip }, async () => {
    const trainer = openOn(opened.tier);
    const first = trainer.parameters();
    assert.equal(trainer.parameters(), first);
    assert.deepEqual(Float32Array.from(await first.data()), start);
    await update(trainer, 0, [part(2)]);
    assert.ok(first.isDisposed);
    const { parameters } = await trainer.state(1);
    assert.deepEqual(Float32Array.from(await trainer.parameters().data()), parameters);
    trainer.close();
  });
}

describe('openTrainer() on the tier "cpu"', () => contract(useCpuTier(), false));

describe(`openTrainer() on the tier "native"${nativeSkip ? ` (skipped: ${nativeSkip})` : ""}`, () => {
  const native = useNativeTier();
  describe("with lanes", () => contract(native, nativeSkip));
  describe("one part after the other", () =>
    contract({
      get tier() {
        return { ...native.tier, lanes: 1 };
      },
    }, nativeSkip));

  it(
    "gives the same bits each time in lanes, whichever part is ready first",
    { skip: nativeSkip },
    async () => {
      const states: Float32Array[] = [];
      for (let time = 0; time < 4; time++) {
        const trainer = openOn(native.tier), before = tf.memory().numTensors;
        await update(trainer, 0, [1, 2, 3, 4, 5].map((target) => part(target, 0.2)));
        states.push((await trainer.state(1)).parameters);
        assert.equal(tf.memory().numTensors, before);
        trainer.close();
      }
      for (const state of states) assert.deepEqual(state, states[0]);
    },
  );
});
