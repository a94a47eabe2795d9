// The trainer behind SFT, reward learning and policy optimisation: parts of a batch, and a loss that is not finite.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { NonFiniteError } from "../../../src/base/errors.ts";
import { type BatchPart, openTrainer, type Trainer } from "../../../src/irl/train_chunk.ts";
import type { StepPorts } from "../../../src/irl/step_ports.ts";
import { wholeModel } from "../../../src/model/trainable.ts";
import { memoryArtifacts } from "../../../src/store/memory_artifacts.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { nativeSkip, useNativeTier } from "../../support/native_tier.ts";
import { TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";

const start = tinyParameters();

/** Half the mean squared distance of the parameters to a number. */
function openOn(tier: StepPorts["tier"]): Trainer {
  const ports: StepPorts = { tier, artifacts: memoryArtifacts(), progress: () => {} };
  const zeros = () => new Float32Array(start.length);
  return openTrainer(ports, {
    parameters: start.slice(),
    firstMoment: zeros(),
    secondMoment: zeros(),
    step: 0,
  }, {
    name: "distance",
    trainable: wholeModel(TINY_SHAPE),
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
  contract(useNativeTier(), nativeSkip);
});
