// The transformer: gradients against central differences, causality, masks, order, temperature.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { ShapeError } from "../../../src/base/errors.ts";
import { causalPlan, hiddenStates, namedParameters, outputLogits } from "../../../src/model/transformer.ts";
import { TILED_FROM } from "../../../src/model/causal_attention.ts";
import { parameterLayout } from "../../../src/model/model_shape.ts";
import {
  forbiddenBias,
  type LogProbabilityOptions,
  policyLogProbabilities,
} from "../../../src/model/policy_model.ts";
import { setBufferLimit } from "../../../src/compute/buffer_limit.ts";
import { rewardScores } from "../../../src/model/reward_model.ts";
import { tokenValues } from "../../../src/model/value_model.ts";
import { batchTensors, disposeTensors, sequenceParts, spreadOver } from "../../../src/irl/sequence_parts.ts";
import { type BatchOptions, sequenceBatch } from "../../../src/model/sequence_batch.ts";
import { lengthOf } from "../../../src/model/token_sequence.ts";
import { policyLoss } from "../../../src/math/policy_objective.ts";
import { rewardLoss } from "../../../src/math/reward_loss.ts";
import { supervisedLoss } from "../../../src/math/supervised_loss.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import {
  assertGradient,
  centralDifferences,
  relativeError,
  TOLERANCE,
} from "../../support/gradient_check.ts";
import { PAD, TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";
import { TINY_SHAPES } from "../../support/tiny_shapes.ts";

const SEQUENCES = [
  { prompt: [3, 4, 5], continuation: [6, 7, 0] },
  { prompt: [8], continuation: [3, 0] },
  { prompt: [5, 5], continuation: [4, 8, 3, 6, 0] },
];

/** Log-probabilities of the counted tokens of each sequence. */
function countedLogProbabilities(
  sequences: typeof SEQUENCES,
  options: Partial<BatchOptions> = { lengthMultiple: 1 },
): number[][] {
  return tf.tidy(() => {
    const batch = sequenceBatch(sequences, { padId: PAD, ...options });
    const { tokens, labels, placement } = batchTensors(batch), flat = tf.tensor1d(tinyParameters());
    const asked = { tokens, labels, placement, temperature: 1, forbidden: [] };
    const all = policyLogProbabilities(TINY_SHAPE, flat, asked).dataSync();
    return batch.places.map((places) =>
      Array.from(places).filter((place) => batch.continuationMask[place] > 0).map((place) => all[place])
    );
  });
}

function assertNear(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  assert.equal(got.length, wanted.length);
  Array.from(wanted).forEach((value, i) =>
    assert.ok(Math.abs(got[i] - value) <= tolerance, `${got[i]} instead of ${value} at ${i}`)
  );
}

describe("the transformer", () => {
  useCpuTier();

  /** Supervised loss of a small batch, and its gradient, as functions of the flat parameters. */
  const value = (point: Float32Array) =>
    tf.tidy(() => {
      const { tokens, labels, mask } = batchTensors(sequenceBatch(SEQUENCES, { padId: PAD }));
      return loss(tf.tensor1d(point), tokens, labels, mask).dataSync()[0];
    });
  const loss = (
    flat: tf.Tensor,
    tokens: tf.Tensor,
    labels: tf.Tensor,
    mask: tf.Tensor,
    placement?: tf.Tensor,
  ) =>
    supervisedLoss(
      tf.reshape(
        policyLogProbabilities(TINY_SHAPE, flat, {
          tokens,
          labels,
          placement,
          temperature: 0.8,
          forbidden: [PAD],
        }),
        [-1],
      ),
      tf.reshape(mask, [-1]),
    );

  it("has the gradient that central differences give, tensor by tensor; a wrong one is rejected", () => {
    const point = tinyParameters();
    const gradient = tf.tidy(() => {
      const { tokens, labels, mask } = batchTensors(sequenceBatch(SEQUENCES, { padId: PAD }));
      return tf.grad((flat: tf.Tensor) => loss(flat, tokens, labels, mask))(tf.tensor1d(point)).dataSync();
    });
    // Every third coordinate of small tensors, five of large ones.
    const checked = parameterLayout(TINY_SHAPE).map(({ name, offset, size }) => {
      const step = Math.max(3, Math.floor(size / 5));
      const coordinates = Array.from({ length: Math.ceil(size / step) }, (_, i) => offset + i * step);
      return { name, coordinates, wanted: centralDifferences(value, point, coordinates) };
    });
    const length = Math.hypot(...checked.flatMap(({ wanted }) => wanted));
    for (const { name, coordinates, wanted } of checked) {
      const off = Math.hypot(...wanted.map((value, i) => gradient[coordinates[i]] - value));
      // Relative to the tensor's own part, or to a hundredth of the whole where that part is tiny (biases of keys).
      const error = off / Math.max(Math.hypot(...wanted), length / 100);
      assert.ok(error <= TOLERANCE, `${name}: the gradient is off by ${error}`);
    }
    const all = checked.flatMap(({ coordinates }) => coordinates);
    const wanted = checked.flatMap((part) => part.wanted);
    assertGradient(all.map((i) => gradient[i]), wanted);
    // Deliberately wrong by half a percent, and with one tensor's sign turned.
    assert.ok(relativeError(all.map((i) => 1.005 * gradient[i]), wanted) > TOLERANCE);
    const turned = checked.flatMap(({ name, coordinates }) =>
      coordinates.map((i) => name.endsWith("1.input_layernorm.bias") ? -gradient[i] : gradient[i])
    );
    assert.ok(relativeError(turned, wanted) > TOLERANCE);
  });

  it("has a reward whose gradient central differences give, with rows of its own or shared", () => {
    for (const packed of [false, true]) {
      for (const recompute of [false, true]) checkReward(packed, recompute);
    }
  });

  function checkReward(packed: boolean, recompute: boolean): void {
    const model = { ...TINY_SHAPE, head: "reward" as const }, point = tinyParameters(model);
    const { tokens, placement, ends, slotIndex, ...others } = batchTensors(
      sequenceBatch(SEQUENCES, { padId: PAD, packed }),
    );
    const total = (flat: tf.Tensor) => {
      const scores = rewardScores(model, flat, { tokens, placement, ends, slotIndex, recompute });
      return tf.sum(tf.mul(scores, tf.tensor1d([1, -2, 0.5])));
    };
    const coordinates = Array.from({ length: 45 }, (_, i) => point.length - 1 - i * 79);
    const gradient = tf.tidy(() => tf.grad(total)(tf.tensor1d(point)).dataSync());
    const read = (at: Float32Array) => tf.tidy(() => total(tf.tensor1d(at)).dataSync()[0]);
    assertGradient(coordinates.map((i) => gradient[i]), centralDifferences(read, point, coordinates));
    disposeTensors({ tokens, placement, ends, slotIndex, ...others });
  }

  it("gives sequences that share a row what they get in rows of their own, and gradients alike", () => {
    const own = countedLogProbabilities(SEQUENCES),
      shared = countedLogProbabilities(SEQUENCES, { packed: true });
    shared.forEach((row, i) => assertNear(row, own[i], 2e-6));
    const gradient = (packed: boolean) =>
      tf.tidy(() => {
        const batch = sequenceBatch(SEQUENCES, { padId: PAD, packed }),
          { mask, ...tensors } = batchTensors(batch);
        const { tokens, labels, placement } = tensors;
        assert.equal(batch.batch, packed ? 1 : SEQUENCES.length);
        return tf.grad((flat: tf.Tensor) => loss(flat, tokens, labels, mask, placement))(
          tf.tensor1d(tinyParameters()),
        ).dataSync();
      });
    assertNear(gradient(true), gradient(false), 2e-6);
  });

  it("gives texts that begin alike what they get in rows of their own, and gradients of Eq. (5b) and (11) alike", () =>
    checkAlike([3, 4, 5]));

  it("and so it does where rows are so long that attention is in tiles", () =>
    checkAlike(Array.from({ length: TILED_FROM }, (_, t) => 3 + t * t % 6)));

  function checkAlike(prompt: number[]): void {
    const samples = [[6, 7, 0], [6, 7, 3, 0], [8, 0], [6, 7, 0], [6, 0]].map((continuation) => ({
      prompt,
      continuation,
    }));
    const many = [...samples, ...SEQUENCES], advantages = many.map((_, i) => (i * 5 % 7) - 2.5);
    const own = countedLogProbabilities(many), shared = countedLogProbabilities(many, { packed: true });
    shared.forEach((row, i) => assertNear(row, own[i], 2e-6));
    const rewardModel = { ...TINY_SHAPE, head: "reward" as const };
    const gradients = (packed: boolean, recompute: boolean) =>
      tf.tidy(() => {
        const [part] = packed
          ? sequenceParts(many, { size: null, padId: PAD })
          : [many].map((rows) => ownRowsPart(rows));
        const { tokens, labels, mask, placement, ends, slotIndex } = part.tensors;
        const asked = { tokens, placement, recompute };
        const credit = spreadOver(part, advantages);
        const policy = tf.grad((flat: tf.Tensor) => {
          const logs = policyLogProbabilities(TINY_SHAPE, flat, {
            ...asked,
            labels,
            temperature: 0.8,
            forbidden: [],
          });
          return policyLoss(logs, mask, credit);
        })(tf.tensor1d(tinyParameters()));
        const reward = tf.grad((flat: tf.Tensor) => {
          const scores = rewardScores(rewardModel, flat, { ...asked, ends, slotIndex });
          const [first, second] = tf.split(tf.slice(scores, 0, 8), 2);
          return rewardLoss(first, second);
        })(tf.tensor1d(tinyParameters(rewardModel)));
        return [policy.dataSync(), reward.dataSync(), Float32Array.of(part.numCounted, part.batch.batch)];
      });
    const [policy, reward, [counted, rows]] = gradients(false, false);
    assert.equal(rows, many.length);
    for (const recompute of [false, true]) {
      const [sharedPolicy, sharedReward, [sharedCounted, sharedRows]] = gradients(true, recompute);
      assert.equal(sharedRows, 1);
      assert.equal(sharedCounted, counted);
      assertNear(sharedPolicy, policy, 2e-6);
      assertNear(sharedReward, reward, 2e-6);
    }
  }

  function ownRowsPart(sequences: typeof SEQUENCES) {
    const batch = sequenceBatch(sequences, { padId: PAD });
    const numCounted = batch.continuationMask.reduce((sum, counts) => sum + counts, 0);
    return { rows: sequences.map((_, i) => i), batch, tensors: batchTensors(batch), numCounted };
  }

  it("keeps rows apart: thirteen sequences in six rows and more get what they get in rows of their own", () => {
    const many = Array.from({ length: 13 }, (_, i) => SEQUENCES[(i * i + i) % 3]);
    const own = countedLogProbabilities(many),
      shared = countedLogProbabilities(many, { packed: true, rows: 6 });
    shared.forEach((row, i) => assertNear(row, own[i], 2e-6));
    const model = { ...TINY_SHAPE, head: "reward" as const };
    const rewards = (options: Partial<BatchOptions>) =>
      tf.tidy(() => {
        const batch = sequenceBatch(many, { padId: PAD, ...options });
        const { tokens, placement, ends, slotIndex } = batchTensors(batch);
        const flat = tf.tensor1d(tinyParameters(model));
        return rewardScores(model, flat, { tokens, placement, ends, slotIndex }).dataSync();
      });
    assertNear(rewards({ packed: true, rows: 6 }), rewards({}), 2e-6);
  });

  it("reads rewards at the ends alone as from all states, for every architecture, row form and recomputation", () => {
    for (const shape of Object.values(TINY_SHAPES)) {
      const model = { ...shape, head: "reward" as const }, flat = tf.tensor1d(tinyParameters(model));
      const rewards = (packed: boolean, recompute: boolean) =>
        tf.tidy(() => {
          const { tokens, placement, ends, slotIndex } = batchTensors(
            sequenceBatch(SEQUENCES, { padId: PAD, packed }),
          );
          return rewardScores(model, flat, { tokens, placement, ends, slotIndex, recompute }).dataSync();
        });
      const wanted = tf.tidy(() => {
        const batch = sequenceBatch(SEQUENCES, { padId: PAD }), { tokens } = batchTensors(batch);
        const values = tokenValues(model, flat, { tokens }).dataSync();
        return SEQUENCES.map((sequence, i) => values[batch.places[i][lengthOf(sequence) - 1]]);
      });
      for (const packed of [false, true]) {
        for (const recompute of [false, true]) assertNear(rewards(packed, recompute), wanted, 2e-6);
      }
      flat.dispose();
    }
  });

  it("gives the same with more padding on the right: it is causal", () => {
    const tight = countedLogProbabilities(SEQUENCES);
    for (const lengthMultiple of [8, 32]) {
      countedLogProbabilities(SEQUENCES, { lengthMultiple }).forEach((row, i) =>
        assertNear(row, tight[i], 2e-6)
      );
    }
  });

  it("gives each sequence alone what it gives in a batch, in any order (masked = sliced)", () => {
    const together = countedLogProbabilities(SEQUENCES);
    SEQUENCES.forEach((sequence, i) => assertNear(countedLogProbabilities([sequence])[0], together[i], 2e-6));
    const turned = countedLogProbabilities([...SEQUENCES].reverse()).reverse();
    turned.forEach((row, i) => assertNear(row, together[i], 2e-6));
  });

  it("makes logits in pieces where one tensor may not hold them all: the same values and gradients", () => {
    const logitBytes = 4 * TINY_SHAPE.vocabularySize;
    const values = (options: LogProbabilityOptions) =>
      tf.tidy(() => {
        const { tokens, labels } = batchTensors(sequenceBatch(SEQUENCES, { padId: PAD }));
        const logs = (flat: tf.Tensor) =>
          policyLogProbabilities(TINY_SHAPE, flat, { tokens, labels, ...options });
        const { value, grad } = tf.valueAndGrad((flat: tf.Tensor) =>
          tf.mul(0.01, tf.sum(tf.square(logs(flat))))
        )(
          tf.tensor1d(tinyParameters()),
        );
        return [...value.dataSync(), ...grad.dataSync()];
      });
    const plain = { temperature: 0.7, forbidden: [2] };
    const wanted = values(plain);
    try {
      // Of 24 rows: 5 at a time, one at a time, and one at a time where not even that is allowed.
      for (const limit of [5.5 * logitBytes, logitBytes, logitBytes / 2]) {
        setBufferLimit(tf.getBackend(), limit);
        assertNear(values(plain), wanted, 2e-5);
        const bias = forbiddenBias(plain.forbidden, TINY_SHAPE.vocabularySize);
        const asTensors = tf.tidy(() =>
          values({ temperature: tf.scalar(0.7), forbidden: tf.tensor1d(bias) })
        );
        assertNear(asTensors, wanted, 2e-5);
      }
    } finally {
      setBufferLimit(tf.getBackend(), undefined);
    }
  });

  it("does not see later tokens", () => {
    const logitsOf = (tokens: number[]) =>
      tf.tidy(() => {
        const parameters = namedParameters(TINY_SHAPE, tf.tensor1d(tinyParameters()));
        const plan = causalPlan(TINY_SHAPE, tokens.length);
        const { hidden } = hiddenStates(TINY_SHAPE, parameters, {
          tokens: tf.tensor2d([tokens], undefined, "int32"),
          plan,
        });
        return outputLogits(TINY_SHAPE, parameters, hidden).dataSync();
      });
    const before = logitsOf([3, 4, 5, 6]), after = logitsOf([3, 4, 8, 7]);
    const seen = 2 * TINY_SHAPE.vocabularySize;
    assertNear(before.slice(0, seen), after.slice(0, seen), 2e-6);
    assert.ok(Math.abs(before[seen] - after[seen]) > 1e-3);
  });

  it("gives forbidden tokens no probability and divides logits by the temperature", () => {
    const sums = (temperature: number, forbidden: number[]) =>
      tf.tidy(() => {
        const flat = tf.tensor1d(tinyParameters()), { vocabularySize: vocabulary } = TINY_SHAPE;
        const tokens = tf.tensor2d(Array.from({ length: vocabulary }, () => [3, 4]), undefined, "int32");
        const labels = tf.tensor2d(
          Array.from({ length: vocabulary }, (_, id) => [id, 0]),
          undefined,
          "int32",
        );
        const all = policyLogProbabilities(TINY_SHAPE, flat, { tokens, labels, temperature, forbidden })
          .arraySync();
        return (Array.isArray(all) ? all : []).map((row) => Array.isArray(row) ? Number(row[0]) : NaN);
      });
    const allowed = sums(1, [1, 2]), cold = sums(0.5, [1, 2]);
    assert.ok(allowed[1] < -60 && allowed[2] < -60);
    const total = allowed.reduce((sum, value) => sum + Math.exp(value), 0);
    assert.ok(Math.abs(total - 1) < 1e-5, `probabilities sum to ${total}`);
    // log π at T = ½ is 2 log π at T = 1, up to a constant.
    assert.ok(Math.abs((cold[3] - cold[4]) - 2 * (allowed[3] - allowed[4])) < 1e-4);
  });

  it("refuses tokens without a batch axis by name", () => {
    tf.tidy(() => {
      const parameters = namedParameters(TINY_SHAPE, tf.tensor1d(tinyParameters()));
      const tokens = tf.tensor1d([1, 2], "int32"), plan = causalPlan(TINY_SHAPE, 2);
      assert.throws(
        () => hiddenStates(TINY_SHAPE, parameters, { tokens, plan }),
        (error) =>
          error instanceof ShapeError &&
          /hiddenStates\(\): "tokens" must be \[batch, time\], got \[2\]/.test(error.message),
      );
    });
  });
});
