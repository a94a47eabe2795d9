// Step "reward": fit R_k on (demonstration, generation) pairs. Paper: Eq. (11), reward alignment of Algorithm 1.
// Form `residual`: R_k starts from R_{k−1}, and Eq. (11) is taken on the difference R_k − R_{k−1} with R_{k−1} frozen.
import * as tf from "@tensorflow/tfjs-core";
import type { LearnReward, WorkTypes } from "../../events/mod.ts";
import { ConfigError } from "../base/errors.ts";
import { splitKey } from "../base/random.ts";
import type { Tier } from "../compute/tier.ts";
import { calibrationScale, pairLossAtScale } from "../math/reward_calibration.ts";
import { rewardLoss } from "../math/reward_loss.ts";
import { rewardFromPolicy } from "../model/initial_parameters.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { normalisedReward, rewardScores } from "../model/reward_model.ts";
import { sequenceBatch, type TokenSequence } from "../model/sequence_batch.ts";
import { rewardScoring, SCORING_BATCH, scoringRows } from "./compiled_scores.ts";
import { minibatches } from "./minibatches.ts";
import { readDemonstrations, readGenerations, readModel, readTokenizer, saveModel } from "./run_artifacts.ts";
import type { StepOutcome, StepPorts } from "./step_ports.ts";
import {
  chunkPlace,
  openTrainer,
  readVector,
  saveState,
  type Trainer,
  trainingState,
} from "./train_chunk.ts";
import { tokenSequences } from "./tune_supervised.ts";

type Data = WorkTypes["LearnReward"]["data"];

interface Pair {
  demonstration: TokenSequence;
  generation: TokenSequence;
}

/** What the whole step works on: the pairs, the model and the frozen previous reward. */
interface RewardTask {
  training: Pair[];
  heldOut: Pair[];
  demonstrations: TokenSequence[];
  model: ModelShape;
  padId: number;
  /** Frozen R_{k−1}, [parameters]; undefined in iteration 1, where the difference is R_1 itself. */
  previous?: tf.Tensor;
}

/** Held-out pairs and demonstrations that accuracy, calibration and the mean are measured on, at most. */
const MEASURED_PAIRS = 1000;

export async function learnReward(command: LearnReward, ports: StepPorts): Promise<StepOutcome<Data>> {
  const { settings, key } = command;
  const policy = await readModel(ports, command.policy);
  const model: ModelShape = { ...policy.model, head: "reward" };
  const previous = command.previousReward === null
    ? undefined
    : (await readModel(ports, command.previousReward)).flat;
  const pairs = await readPairs(command, ports);
  const start = await trainingState(ports, command.state, {
    model,
    fresh: () =>
      Promise.resolve(previous ?? rewardFromPolicy(policy.flat, policy.model, splitKey(key, "head"))),
  });
  const frozen = previous && tf.tensor1d(previous);
  const task: RewardTask = { ...pairs, model, previous: frozen };
  const trainer = openTrainer(ports, start, {
    name: "reward step",
    model,
    optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, ...settings },
    learningRate: previous ? settings.residualLearningRate : settings.learningRate,
    warmupSteps: settings.warmupSteps,
    floor: 0.05,
    numSteps: command.numSteps,
    loss: (flat, tokens, lastIndex, offset) => {
      const rewards = tf.sub(rewardScores(model, flat, { tokens, lastIndex }), offset);
      const [demonstrations, generations] = tf.split(rewards, 2);
      return rewardLoss(demonstrations, generations);
    },
  });
  try {
    const trained = await trainOnPairs(command, ports, { task, trainer });
    const state = await trainer.state(command.toStep);
    const last = command.toStep === command.numSteps;
    return {
      data: {
        ...chunkPlace(command),
        state: await saveState(ports, model, state),
        ...trained,
        result: last ? await finishReward(ports, { task, trainer, flat: state.parameters }) : null,
      },
      meta: {},
    };
  } finally {
    trainer.close();
    frozen?.dispose();
  }
}

/**
 * All pairs in a fixed order; every n-th demonstration is held out with all its generations. A demonstration with an unknown
 * word makes no pair: no generation can hold one, so the word alone would tell the two apart.
 */
async function readPairs(command: LearnReward, ports: StepPorts) {
  const tokenizer = await readTokenizer(ports, command.tokenizer);
  const rows = await readDemonstrations(ports, command.demonstrations);
  const all = tokenSequences(rows, tokenizer, Infinity);
  const isWhole = ({ continuation }: TokenSequence) => !continuation.includes(tokenizer.unkId);
  const training: Pair[] = [], heldOut: Pair[] = [];
  for (const digest of command.generations) {
    for (const { demonstration: row, tokens } of await readGenerations(ports, digest)) {
      const demonstration = all[row];
      if (!isWhole(demonstration)) continue;
      const pair = { demonstration, generation: { prompt: demonstration.prompt, continuation: tokens } };
      (row % command.settings.heldOutEvery === 0 ? heldOut : training).push(pair);
    }
  }
  if (training.length === 0 || heldOut.length === 0) {
    throw new ConfigError(
      `Lower tokenizer.minCount or reward.heldOutEvery, or give more demonstrations: ${training.length} pairs to train on and ` +
        `${heldOut.length} held out are left without unknown words`,
    );
  }
  return { training, heldOut, demonstrations: all.filter(isWhole), padId: tokenizer.padId };
}

async function trainOnPairs(
  command: LearnReward,
  ports: StepPorts,
  { task, trainer }: { task: RewardTask; trainer: Trainer },
): Promise<{ loss: number; tokensTrained: number }> {
  const { settings } = command;
  const rows = minibatches(splitKey(command.key, "batches"), {
    numRows: task.training.length,
    batchSize: settings.batchSize,
  });
  let totalLoss = 0, tokensTrained = 0;
  for (let step = command.fromStep; step < command.toStep; step++) {
    const pairs = Array.from(rows(step), (row) => task.training[row]);
    const sequences = [...pairs.map((pair) => pair.demonstration), ...pairs.map((pair) => pair.generation)];
    const { tensors, numTokens } = scoringTensors(sequences, task.padId);
    const [tokens, lastIndex] = tensors;
    const offset = task.previous
      ? rewardScoring(ports.tier, task.model)(task.previous, tokens, lastIndex)
      : tf.zeros([sequences.length]);
    const batch = [...tensors, offset];
    const loss = await trainer.update(step, [{ tensors: batch, weight: 1 }]).finally(() => tf.dispose(batch));
    totalLoss += loss;
    tokensTrained += numTokens;
    ports.progress({ done: step + 1, total: command.numSteps, unit: "steps", metrics: { loss } });
  }
  return { loss: totalLoss / (command.toStep - command.fromStep), tokensTrained };
}

/** Measures the finished network on held-out pairs and writes it raw and in its own unit. */
async function finishReward(
  ports: StepPorts,
  { task, trainer, flat }: { task: RewardTask; trainer: Trainer; flat: Float32Array },
): Promise<NonNullable<Data["result"]>> {
  const { model, padId } = task;
  const score = (parameters: tf.Tensor, sequences: readonly TokenSequence[]) =>
    scoreSequences(sequences, { tier: ports.tier, model, parameters, padId });
  const pairs = task.heldOut.slice(0, MEASURED_PAIRS);
  const sequences = [...pairs.map((pair) => pair.demonstration), ...pairs.map((pair) => pair.generation)];
  const now = await score(trainer.parameters(), sequences);
  const before = task.previous ? await score(task.previous, sequences) : new Float32Array(now.length);
  const gained = now.map((value, i) => value - before[i]);
  const differences = Float64Array.from(pairs, (_, i) => gained[i] - gained[i + pairs.length]);
  const calibration = calibrationScale(differences);
  const own = await score(trainer.parameters(), task.demonstrations.slice(0, MEASURED_PAIRS));
  const shift = own.reduce((sum, value) => sum + value, 0) / own.length;
  return {
    raw: await saveModel(ports, model, flat),
    reward: await saveModel(ports, model, normalisedReward(model, flat, { scale: calibration, shift })),
    heldOutPairAccuracy: differences.filter((difference) => difference > 0).length / differences.length,
    heldOutLoss: pairLossAtScale(differences, calibration),
    calibration,
    shift,
    numPairs: task.training.length + task.heldOut.length,
  };
}

/** Tensors of one scoring or training call: tokens [batch, time], lastIndex [batch]. */
function scoringTensors(sequences: readonly TokenSequence[], padId: number, rows?: number) {
  const batch = sequenceBatch(sequences, { padId, rows });
  return {
    tensors: [
      tf.tensor2d(batch.tokens, [batch.batch, batch.time], "int32"),
      tf.tensor1d(batch.lastIndex, "int32"),
    ],
    numTokens: batch.numTokens,
  };
}

export interface Scorer {
  tier: Tier;
  model: ModelShape;
  /** [parameters] of a reward network */
  parameters: tf.Tensor;
  padId: number;
}

/** r(x, y) of any number of sequences, in batches. */
export async function scoreSequences(
  sequences: readonly TokenSequence[],
  { tier, model, parameters, padId }: Scorer,
): Promise<Float32Array> {
  const scores = new Float32Array(sequences.length), score = rewardScoring(tier, model);
  for (let start = 0; start < sequences.length; start += SCORING_BATCH) {
    const batch = sequences.slice(start, start + SCORING_BATCH);
    const { tensors } = scoringTensors(batch, padId, scoringRows(tier)), [tokens, lastIndex] = tensors;
    const result = score(parameters, tokens, lastIndex);
    scores.set((await readVector(result)).subarray(0, batch.length), start);
    tf.dispose([...tensors, result]);
  }
  return scores;
}
