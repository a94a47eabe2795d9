// Step "reward": fit R_k on (demonstration, generation) pairs. Paper: Eq. (11), reward alignment of Algorithm 1.
// Form `residual`: R_k starts from R_{k−1}, and Eq. (11) is taken on the difference R_k − R_{k−1} with R_{k−1} frozen.
// `warm` starts there too, `newest` from SFT; both take Eq. (11) on R_k itself.
import * as tf from "@tensorflow/tfjs-core";
import type { LearnReward, WorkTypes } from "../../events/mod.ts";
import { ConfigError } from "../base/errors.ts";
import { splitKey } from "../base/random.ts";
import { callAll } from "../compute/call_all.ts";
import type { Tier } from "../compute/tier.ts";
import { calibrationScale, pairLossAtScale } from "../math/reward_calibration.ts";
import { rewardLoss } from "../math/reward_loss.ts";
import { type RewardUnit, rewardUnit } from "../math/reward_unit.ts";
import { rewardFromPolicy } from "../model/initial_parameters.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { rewardScores } from "../model/reward_model.ts";
import { sequenceBatch } from "../model/sequence_batch.ts";
import { firstEquals, ofEach, type TokenSequence } from "../model/token_sequence.ts";
import { rewardScoring } from "./compiled_scores.ts";
import { partsForLanes } from "./lanes.ts";
import { minibatches } from "./minibatches.ts";
import { readDemonstrations, readGenerations, readModel, readTokenizer } from "./run_artifacts.ts";
import { inScoringBatches } from "./scoring_batch.ts";
import {
  batchTensors,
  lanesForBatch,
  numTokensIn,
  optional,
  type PartShape,
  partShape,
} from "./sequence_parts.ts";
import type { StepOutcome, StepPorts } from "./step_ports.ts";
import {
  chunkPlace,
  openTrainer,
  readVector,
  saveState,
  type Trainer,
  trainingState,
} from "./train_chunk.ts";
import { type TrainedModel, trainFreshAdapter, trainStored, trainWhole } from "./trained_model.ts";
import { trainerSettings } from "./trainer_settings.ts";
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
  trained: TrainedModel;
  padId: number;
  /** Residual form: frozen R_{k−1}, [parameters]; undefined in iteration 1, where the difference is R_1 itself. */
  previous?: tf.Tensor;
}

/** Held-out pairs and demonstrations that accuracy, calibration and the mean are measured on, at most. */
const MEASURED_PAIRS = 1000;

export async function learnReward(command: LearnReward, ports: StepPorts): Promise<StepOutcome<Data>> {
  const pairs = await readPairs(command, ports), trained = await openReward(command, ports);
  let previous: tf.Tensor | undefined;
  try {
    const { kind } = command.settings, digest = command.previousReward;
    if (kind === "residual" && digest !== null) previous = tf.tensor1d((await readModel(ports, digest)).flat);
    return await runChunk(command, ports, { ...pairs, model: trained.model, trained, previous });
  } finally {
    trained.close();
    previous?.dispose();
  }
}

/** Starts as the previous reward, or as the policy's body with a fresh head. */
async function openReward(command: LearnReward, ports: StepPorts): Promise<TrainedModel> {
  const { settings, lora, key, previousReward } = command;
  if (previousReward !== null && settings.kind !== "newest") {
    return await trainStored(ports, previousReward, { lora, key });
  }
  const policy = await readModel(ports, command.policy), model = { ...policy.model, head: "reward" as const };
  const flat = rewardFromPolicy(policy.flat, policy.model, {
    key: splitKey(key, "head"),
    deviation: settings.headDeviation ?? undefined,
  });
  if (lora === null) return trainWhole(ports, model, () => Promise.resolve(flat));
  return trainFreshAdapter(ports, { model, flat, base: command.policy }, { lora, key });
}

async function runChunk(
  command: LearnReward,
  ports: StepPorts,
  task: RewardTask,
): Promise<StepOutcome<Data>> {
  const { settings } = command, { model, trained: { trainable }, previous: frozen } = task;
  const recompute = settings.recomputeLayers;
  const trainer = openTrainer(ports, await trainingState(ports, command.state, task.trained), {
    name: "reward step",
    model,
    trainable,
    ...trainerSettings(settings, command),
    learningRate: frozen ? settings.residualLearningRate : settings.learningRate,
    lossSettings: { model, recompute },
    loss: (flat, tokens, ends, slotIndex, offset, placement) => {
      const batch = { tokens, placement, ends, slotIndex, recompute };
      const rewards = tf.sub(rewardScores(model, flat, batch), offset);
      const [demonstrations, generations] = tf.split(rewards, 2);
      return rewardLoss(demonstrations, generations);
    },
  });
  try {
    const totals = await trainOnPairs(command, ports, { task, trainer });
    const state = await trainer.state(command.toStep);
    const last = command.toStep === command.numSteps;
    return {
      data: {
        ...chunkPlace(command),
        state: await saveState(ports, model, state),
        ...totals,
        result: last
          ? await finishReward(ports, { task, trainer, vector: state.parameters, unit: settings.unit })
          : null,
      },
      meta: {},
    };
  } finally {
    trainer.close();
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
  const isWhole = ({ continuation }: TokenSequence) => !continuation.some((id) => id === tokenizer.unkId);
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
      `Start a new run with a lower tokenizer.minCount or reward.heldOutEvery, or with more demonstrations: ${training.length} pairs to train on and ` +
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
    const sequences = sequencesOf(pairs), numTokens = numTokensIn(sequences);
    const lanes = lanesForBatch(ports.tier, task.model, sequences);
    const wanted = Math.ceil(pairs.length / partsForLanes(lanes, numTokens));
    const cut = partsOf(pairs, settings.microbatchSize ?? wanted), shape = partShape(cut.map(sequencesOf));
    const parts = await callAll(
      lanes,
      cut.map((part) => () => pairTensors(part, ports.tier, { task, shape })),
    );
    const loss = await trainer.update(
      step,
      parts.map((tensors, i) => ({ tensors, weight: cut[i].length / pairs.length })),
    ).finally(() => tf.dispose(parts));
    totalLoss += loss;
    tokensTrained += numTokens;
    ports.progress({ done: step + 1, total: command.numSteps, unit: "steps", metrics: { loss } });
  }
  return { loss: totalLoss / (command.toStep - command.fromStep), tokensTrained };
}

/**
 * What the loss takes of some pairs: tokens, the places of the last ones, the frozen rewards, and the placement where rows are shared.
 * Demonstrations first, then generations.
 */
async function pairTensors(
  pairs: readonly Pair[],
  tier: Tier,
  { task, shape }: { task: RewardTask; shape: PartShape },
): Promise<tf.Tensor[]> {
  const sequences = sequencesOf(pairs), batch = sequenceBatch(sequences, { padId: task.padId, ...shape });
  const made = batchTensors(batch);
  const offset = task.previous
    ? await rewardScoring(tier, task.model)(task.previous, made)
    : tf.zeros([sequences.length]);
  const { tokens, ends, slotIndex, placement } = made;
  tf.dispose([made.labels, made.mask]);
  return [tokens, ends, slotIndex, offset, ...optional(placement)];
}

/** Demonstrations, then generations. */
function sequencesOf(pairs: readonly Pair[]): TokenSequence[] {
  return [...pairs.map((pair) => pair.demonstration), ...pairs.map((pair) => pair.generation)];
}

/** `size` items at a time. */
function partsOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from(
    { length: Math.ceil(items.length / size) },
    (_, i) => items.slice(i * size, (i + 1) * size),
  );
}

/** Measures the finished network on held-out pairs and writes it raw and in its own unit. */
async function finishReward(
  ports: StepPorts,
  { task, trainer, vector, unit }: {
    task: RewardTask;
    trainer: Trainer;
    vector: Float32Array;
    unit: RewardUnit;
  },
): Promise<NonNullable<Data["result"]>> {
  const { model, trained, padId } = task;
  const score = (parameters: tf.Tensor, sequences: readonly TokenSequence[]) =>
    scoreSequences(sequences, { tier: ports.tier, model, parameters, padId });
  const pairs = task.heldOut.slice(0, MEASURED_PAIRS), sequences = sequencesOf(pairs);
  const now = await score(trainer.parameters(), sequences);
  const before = task.previous ? await score(task.previous, sequences) : new Float32Array(now.length);
  const gained = now.map((value, i) => value - before[i]);
  const differences = Float64Array.from(pairs, (_, i) => gained[i] - gained[i + pairs.length]);
  const calibration = calibrationScale(differences);
  const own = await score(trainer.parameters(), task.demonstrations.slice(0, MEASURED_PAIRS));
  const { scale, shift } = rewardUnit(unit, { calibration, scores: own });
  return {
    raw: await trained.save(vector),
    reward: await trained.save(vector, { scale, shift }),
    heldOutPairAccuracy: differences.filter((difference) => difference > 0).length / differences.length,
    heldOutLoss: pairLossAtScale(differences, calibration),
    calibration,
    shift,
    numPairs: task.training.length + task.heldOut.length,
  };
}

export interface Scorer {
  tier: Tier;
  model: ModelShape;
  /** [parameters] of a reward network */
  parameters: tf.Tensor;
  padId: number;
}

/** r(x, y) of any number of sequences, in batches; the same number for equal ones. */
export async function scoreSequences(
  sequences: readonly TokenSequence[],
  { tier, model, parameters, padId }: Scorer,
): Promise<Float32Array> {
  const first = firstEquals(sequences), score = rewardScoring(tier, model);
  const distinct = sequences.filter((_, i) => first[i] === i), scores: number[] = [];
  await inScoringBatches(tier, model, { sequences: distinct, padId }, async ({ rows, tensors }) => {
    const result = await score(parameters, tensors), values = await readVector(result);
    result.dispose();
    rows.forEach((row, i) => scores[row] = values[i]);
  });
  return Float32Array.from(ofEach(first, scores));
}
