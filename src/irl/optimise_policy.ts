// Step "policy": RLOO on the learned reward under KL to the reference. Paper: Eqs. (3) and (5b), policy alignment of
// Algorithm 1. Prompts come from the whole prompt set, demonstrated or not.
import * as tf from "@tensorflow/tfjs-core";
import type { OptimisePolicy, WorkTypes } from "../../events/mod.ts";
import { sampleWithoutReplacement, splitKey } from "../base/random.ts";
import type { WordTokenizer } from "../data/word_tokenizer.ts";
import {
  leaveOneOutAdvantages,
  policyLoss,
  regularisedReward,
  scaledAdvantages,
} from "../math/policy_objective.ts";
import { generate } from "../model/generate.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { policyLogProbabilities } from "../model/policy_model.ts";
import { rewardScores } from "../model/reward_model.ts";
import { type SequenceBatch, sequenceBatch } from "../model/sequence_batch.ts";
import { readModel, readPrompts, readTokenizer, saveModel } from "./run_artifacts.ts";
import { forbiddenTokens } from "./sample_generations.ts";
import type { StepOutcome, StepPorts } from "./step_ports.ts";
import { openTrainer, readVector, saveState, type Trainer, trainingState } from "./train_chunk.ts";

type Data = WorkTypes["OptimisePolicy"]["data"];

interface PolicyTask {
  policy: ModelShape;
  /** π_ref, [parameters] */
  reference: tf.Tensor;
  rewardModel: ModelShape;
  /** Normalised reward, [parameters] */
  reward: tf.Tensor;
  prompts: number[][];
  tokenizer: WordTokenizer;
}

/** What one update was made of, as means over its rollouts. */
interface Rollouts {
  batch: SequenceBatch;
  tensors: tf.Tensor[];
  advantages: Float64Array;
  tokensGenerated: number;
  reward: number;
  kl: number;
}

export async function optimisePolicy(command: OptimisePolicy, ports: StepPorts): Promise<StepOutcome<Data>> {
  const { settings } = command;
  const tokenizer = await readTokenizer(ports, command.tokenizer);
  const start = await readModel(ports, command.policy), reference = await readModel(ports, command.reference);
  const reward = await readModel(ports, command.reward);
  const prompts = (await readPrompts(ports, command.prompts)).map((prompt) => tokenizer.encode(prompt));
  const saved = await trainingState(ports, command.state, {
    model: start.model,
    fresh: () => Promise.resolve(start.flat),
  });
  const task: PolicyTask = {
    policy: start.model,
    reference: tf.tensor1d(reference.flat),
    rewardModel: reward.model,
    reward: tf.tensor1d(reward.flat),
    prompts,
    tokenizer,
  };
  const { temperature } = settings, forbidden = forbiddenTokens(tokenizer);
  const trainer = openTrainer(ports, saved, {
    name: "policy step",
    model: start.model,
    optimiser: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, ...settings },
    learningRate: settings.learningRate,
    warmupSteps: settings.warmupSteps,
    floor: 0.1,
    numSteps: command.numSteps,
    loss: (flat, tokens, labels, mask, advantages) =>
      policyLoss(
        policyLogProbabilities(start.model, flat, { tokens, labels, temperature, forbidden }),
        mask,
        advantages,
      ),
  });
  try {
    const totals = { tokensGenerated: 0, tokensTrained: 0, reward: 0, kl: 0 };
    for (let step = command.fromStep; step < command.toStep; step++) {
      const rollouts = await rollOut(command, { task, trainer, step });
      const tensors = [...rollouts.tensors, tf.tensor1d(Float32Array.from(rollouts.advantages))];
      await trainer.update(step, tensors).finally(() => tf.dispose(tensors));
      totals.tokensGenerated += rollouts.tokensGenerated;
      totals.tokensTrained += rollouts.batch.numTokens;
      totals.reward += rollouts.reward;
      totals.kl += rollouts.kl;
      const metrics = { reward: rollouts.reward, kl: rollouts.kl };
      ports.progress({ done: step + 1, total: command.numSteps, unit: "steps", metrics });
    }
    const state = await trainer.state(command.toStep);
    const numSteps = command.toStep - command.fromStep;
    const meanReward = totals.reward / numSteps, meanKl = totals.kl / numSteps;
    return {
      data: {
        v: 1,
        iteration: command.iteration,
        chunk: command.chunk,
        fromStep: command.fromStep,
        toStep: command.toStep,
        numSteps: command.numSteps,
        key: command.key,
        state: await saveState(ports, start.model, state),
        tokensTrained: totals.tokensTrained,
        tokensGenerated: totals.tokensGenerated,
        reward: meanReward,
        kl: meanKl,
        objective: regularisedReward(meanReward, meanKl, settings.klCoefficient),
        policy: command.toStep === command.numSteps
          ? await saveModel(ports, start.model, state.parameters)
          : null,
      },
      meta: {},
    };
  } finally {
    trainer.close();
    tf.dispose([task.reference, task.reward]);
  }
}

/** Samples K continuations of each drawn prompt, credits them by Eq. (3) and turns that into advantages. */
async function rollOut(
  { settings, key }: OptimisePolicy,
  { task, trainer, step }: { task: PolicyTask; trainer: Trainer; step: number },
): Promise<Rollouts> {
  const { tokenizer } = task, { temperature } = settings, forbidden = forbiddenTokens(tokenizer);
  const drawn = sampleWithoutReplacement(
    splitKey(key, "prompts", step),
    task.prompts,
    settings.promptsPerStep,
  );
  const prompts = drawn.flatMap((prompt) => Array.from({ length: settings.samplesPerPrompt }, () => prompt));
  const generations = await generate(task.policy, trainer.parameters(), {
    prompts,
    key: splitKey(key, "rollouts", step),
    temperature,
    maxNewTokens: settings.maxNewTokens,
    padId: tokenizer.padId,
    eosId: tokenizer.eosId,
    forbidden,
  });
  const batch = sequenceBatch(
    generations.map(({ tokens }, i) => ({ prompt: prompts[i], continuation: tokens })),
    {
      padId: tokenizer.padId,
    },
  );
  const tensors = [
    tf.tensor2d(batch.tokens, [batch.batch, batch.time], "int32"),
    tf.tensor2d(batch.labels, [batch.batch, batch.time], "int32"),
    tf.tensor2d(batch.continuationMask, [batch.batch, batch.time]),
  ];
  const [tokens, labels, mask] = tensors;
  const lastIndex = tf.tensor1d(batch.lastIndex, "int32");
  const scores = tf.tidy(() => rewardScores(task.rewardModel, task.reward, { tokens, lastIndex }));
  const logRatios = tf.tidy(() => {
    const logProbability = (flat: tf.Tensor) =>
      tf.sum(
        tf.mul(policyLogProbabilities(task.policy, flat, { tokens, labels, temperature, forbidden }), mask),
        1,
      );
    return tf.sub(logProbability(trainer.parameters()), logProbability(task.reference));
  });
  const rewards = await readVector(scores), ratios = await readVector(logRatios);
  tf.dispose([lastIndex, scores, logRatios]);
  const penalised = rewards.map((value, i) =>
    generations[i].finished ? value : value - settings.noEosPenalty
  );
  const credited = Float64Array.from(
    penalised,
    (value, i) => regularisedReward(value, ratios[i], settings.klCoefficient),
  );
  const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    batch,
    tensors,
    advantages: scaledAdvantages(leaveOneOutAdvantages(credited, settings.samplesPerPrompt)),
    tokensGenerated: generations.reduce((sum, { tokens }) => sum + tokens.length, 0),
    reward: mean(penalised),
    kl: mean(ratios),
  };
}
