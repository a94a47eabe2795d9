// What PPO learns from: rollouts with old log-probabilities, values, advantages and returns token by token, and the tensors of
// its minibatches. Token lists of a rollout have one number a continuation token.
import * as tf from "@tensorflow/tfjs-core";
import { callAll } from "../compute/call_all.ts";
import { generalisedAdvantages, tokenRewards, whitenedAdvantages } from "../math/ppo.ts";
import type { TokenSequence } from "../model/token_sequence.ts";
import { rewardScoring, tokenScoring, valueScoring } from "./compiled_scores.ts";
import type { PolicyTask } from "./policy_task.ts";
import { penalisedReward, type Rollouts } from "./roll_out.ts";
import {
  disposeParts,
  lanesForParts,
  type SequencePart,
  sequenceParts,
  weightedParts,
} from "./sequence_parts.ts";
import { type BatchPart, readVector } from "./train_chunk.ts";

export interface Experience {
  sequences: TokenSequence[];
  /** Of each rollout, token by token. */
  logProbabilities: Float32Array[];
  values: Float32Array[];
  advantages: Float64Array[];
  returns: Float64Array[];
  /** Of each rollout: penalised reward, log π/π_ref of the whole continuation in nats. */
  rewards: Float64Array;
  logRatios: Float64Array;
  /** Largest |ρ − 1| of a rollout, ρ = its mean token ratio between the trainer's and the sampler's probability. */
  firstRatioError: number;
}

/**
 * Above this the sampler and the trainer are two policies. In float32 they agree to 1e-5; products in TF32 or bfloat16 have
 * three to four digits.
 */
const RATIO_TOLERANCE = 0.02;

/** Measures rollouts of the current policy before its first update, where every ratio of the clipped loss is 1. */
export async function measureExperience(
  task: PolicyTask,
  { sequences, generations, parts }: Rollouts,
  parameters: { policy: tf.Tensor; value: tf.Tensor },
): Promise<Experience> {
  const { klCoefficient, ppo } = task.command.settings, count = sequences.length;
  const logProbabilities: Float32Array[] = [], values: Float32Array[] = [];
  const earned: Float64Array[] = [], rewards = new Float64Array(count), logRatios = new Float64Array(count);
  let firstRatioError = 0;
  for (const part of parts) {
    const measured = await measurePart(task, part, parameters);
    part.rows.forEach((row, i) => {
      const own = (list: Float32Array) => ofContinuation(list, sequences[row], { part, index: i });
      const logs = own(measured.logProbabilities), references = own(measured.logReferences);
      const ratios = Float64Array.from(logs, (log, t) => log - references[t]);
      rewards[row] = penalisedReward(task, measured.rewards[i], generations[row]);
      logRatios[row] = ratios.reduce((sum, ratio) => sum + ratio, 0);
      logProbabilities[row] = logs;
      values[row] = own(measured.values);
      earned[row] = tokenRewards(rewards[row], ratios, klCoefficient);
      const drift = logs.reduce((sum, log) => sum + log, 0) - generations[row].logProbability;
      firstRatioError = Math.max(firstRatioError, Math.abs(Math.expm1(drift / logs.length)));
    });
  }
  // A number that is not finite is told by the loss.
  if (firstRatioError > RATIO_TOLERANCE) {
    throw new Error(
      `Sample with the policy that is trained: the first ratio of a rollout is off 1 by ${firstRatioError}, ` +
        `${RATIO_TOLERANCE} is allowed`,
    );
  }
  const advantages = earned.map((list, row) => generalisedAdvantages(list, values[row], ppo));
  return {
    sequences,
    logProbabilities,
    values,
    advantages: ppo.whitenAdvantages ? whitenedAdvantages(advantages) : advantages,
    returns: advantages.map((list, row) => list.map((advantage, t) => advantage + values[row][t])),
    rewards,
    logRatios,
    firstRatioError,
  };
}

/** Both networks' batch parts of the given rollouts; `dispose` frees what they share too. */
export function experienceTensors(
  { command: { settings }, tokenizer: { padId } }: PolicyTask,
  { sequences, logProbabilities, values, advantages, returns }: Experience,
  rows: readonly number[],
): { policyParts: BatchPart[]; valueParts: BatchPart[]; dispose: () => void } {
  const chosen = rows.map((row) => sequences[row]);
  const parts = sequenceParts(chosen, { size: settings.microbatchSize, padId, sharing: false });
  const own: tf.Tensor[] = [];
  const spread = (part: SequencePart, lists: readonly ArrayLike<number>[]) => {
    const tensor = tokenTensor(part, chosen, part.rows.map((row) => lists[rows[row]]));
    own.push(tensor);
    return tensor;
  };
  return {
    policyParts: weightedParts(parts, (part) => [spread(part, logProbabilities), spread(part, advantages)]),
    valueParts: weightedParts(parts, (part) => [spread(part, values), spread(part, returns)]),
    dispose() {
      disposeParts(parts);
      tf.dispose(own);
    },
  };
}

/** [part, time] arrays and [part] rewards. */
async function measurePart(
  { command: { settings: { temperature } }, ports: { tier }, ...task }: PolicyTask,
  part: SequencePart,
  parameters: { policy: tf.Tensor; value: tf.Tensor },
) {
  const logs = tokenScoring(tier, task.policy, { temperature, forbidden: task.forbidden });
  const value = valueScoring(tier, task.rewardModel), reward = rewardScoring(tier, task.rewardModel);
  const results = await callAll(lanesForParts(tier, task.policy, [part]), [
    async () => [await logs(parameters.policy, part.tensors)],
    async () => [await logs(task.reference, part.tensors)],
    async () => [await value(parameters.value, part.tensors)],
    async () => [await reward(task.reward, part.tensors)],
  ]);
  const [logProbabilities, logReferences, values, rewards] = await Promise.all(results.flat().map(readVector))
    .finally(() => tf.dispose(results.flat()));
  return { logProbabilities, logReferences, values, rewards };
}

/** Of a part's sequence, where the labels of its continuation stand: from the prompt's last token on. */
function labelPlaces(
  { batch: { places } }: SequencePart,
  index: number,
  { prompt }: TokenSequence,
): Int32Array {
  return places[index].subarray(prompt.length - 1, -1);
}

function ofContinuation(
  list: Float32Array,
  sequence: TokenSequence,
  { part, index }: { part: SequencePart; index: number },
): Float32Array {
  return Float32Array.from(labelPlaces(part, index, sequence), (at) => list[at]);
}

/** Token lists at their labels' places, which no two sequences may share, 0 elsewhere: [batch, time]. */
function tokenTensor(
  part: SequencePart,
  sequences: readonly TokenSequence[],
  lists: readonly ArrayLike<number>[],
): tf.Tensor {
  const { batch, time } = part.batch, array = new Float32Array(batch * time);
  part.rows.forEach((row, i) =>
    labelPlaces(part, i, sequences[row]).forEach((at, t) => array[at] = lists[i][t])
  );
  return tf.tensor2d(array, [batch, time]);
}
