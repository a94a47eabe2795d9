// Policy updates by PPO: rollouts of the drawn prompts, advantages from a value network, then several epochs of clipped updates of
// both. The value network is one of its own and starts from the reward model (TL;DR recipe); the KL is in the token rewards.
import * as tf from "@tensorflow/tfjs-core";
import type { OptimisePolicy } from "../../events/mod.ts";
import { permutation, sampleWithoutReplacement, splitKey } from "../base/random.ts";
import { clippedPolicyLoss, clippedValueLoss } from "../math/ppo.ts";
import { policyLogProbabilities } from "../model/policy_model.ts";
import { tokenValues } from "../model/value_model.ts";
import type { PolicyTask, PolicyUpdate, PolicyUpdates } from "./policy_task.ts";
import { type Experience, experienceTensors, measureExperience } from "./ppo_experience.ts";
import { mean, rollOut } from "./roll_out.ts";
import { disposeParts, numTokensIn } from "./sequence_parts.ts";
import { readStateParts, saveStateParts } from "./state_parts.ts";
import { openTrainer, readVector, saveState, type Trainer, trainingState } from "./train_chunk.ts";
import { type TrainedModel, trainFreshAdapter, trainWhole } from "./trained_model.ts";
import { trainerSettings } from "./trainer_settings.ts";

interface Work {
  task: PolicyTask;
  policy: Trainer;
  value: Trainer;
}

export async function openPpo(task: PolicyTask): Promise<PolicyUpdates> {
  const { command, ports } = task;
  const saved = await readStateParts(ports, command.state, ["policy", "value"]);
  const opened: { close(): void }[] = [];
  const close = () => opened.forEach((one) => one.close());
  const kept = <One extends { close(): void }>(one: One): One => {
    opened.push(one);
    return one;
  };
  try {
    const policy = kept(await openPolicy(task, saved("policy"))), network = kept(await valueNetwork(task));
    const value = kept(await openValue(task, network, saved("value"))), work: Work = { task, policy, value };
    return {
      update: (step) => updateOn(work, step),
      async save(step) {
        const states = { policy: await policy.state(step), value: await value.state(step) };
        const parts = {
          policy: await saveState(ports, task.policy, states.policy),
          value: await saveState(ports, task.rewardModel, states.value),
        };
        return { state: await saveStateParts(ports, parts), trained: states.policy.parameters };
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

async function openPolicy(task: PolicyTask, saved: string | null): Promise<Trainer> {
  const { command: { settings, numSteps }, ports, policy: model, trained, forbidden } = task;
  const { temperature, recomputeLayers: recompute, ppo: { clipRange } } = settings;
  return openTrainer(ports, await trainingState(ports, saved, trained), {
    name: "PPO policy step",
    model,
    trainable: trained.trainable,
    ...trainerSettings(settings, { numSteps, updatesPerStep: updatesPerStep(settings) }),
    lossSettings: { model, temperature, forbidden, clipRange, recompute },
    loss: (flat, tokens, labels, continuationMask, oldLogProbabilities, advantages, placement) =>
      clippedPolicyLoss(
        policyLogProbabilities(model, flat, { tokens, labels, placement, temperature, forbidden, recompute }),
        { oldLogProbabilities, advantages, continuationMask },
        { clipRange },
      ),
  });
}

/** Starts as the reward, under a fresh adapter where adapters are trained. */
async function valueNetwork(
  { command, ports, rewardModel: model, reward }: PolicyTask,
): Promise<TrainedModel> {
  const { lora, key, reward: base } = command;
  if (lora === null) return trainWhole(ports, model, () => readVector(reward));
  const flat = await readVector(reward);
  return trainFreshAdapter(ports, { model, flat, base }, { lora, key: splitKey(key, "value") });
}

async function openValue(task: PolicyTask, network: TrainedModel, saved: string | null): Promise<Trainer> {
  const { command: { settings, numSteps }, ports } = task, { model, trainable } = network;
  const { valueClipRange: clipRange, valueCoefficient } = settings.ppo;
  const recompute = settings.recomputeLayers;
  return openTrainer(ports, await trainingState(ports, saved, network), {
    name: "PPO value step",
    model,
    trainable,
    ...trainerSettings(settings, { numSteps, updatesPerStep: updatesPerStep(settings) }),
    lossSettings: { model, clipRange, valueCoefficient, recompute },
    loss: (flat, tokens, _labels, continuationMask, oldValues, returns, placement) =>
      tf.mul(
        valueCoefficient,
        clippedValueLoss(
          tokenValues(model, flat, { tokens, placement, recompute }),
          { oldValues, returns, continuationMask },
          { clipRange },
        ),
      ),
  });
}

/** Updates that one step makes of each network. */
function updatesPerStep({ epochs, ppo: { minibatches } }: OptimisePolicy["settings"]): number {
  return epochs * minibatches;
}

async function updateOn({ task, policy, value }: Work, step: number): Promise<PolicyUpdate> {
  const { key, settings } = task.command;
  const rollouts = await rollOut(task, policy.parameters(), {
    prompts: sampleWithoutReplacement(splitKey(key, "prompts", step), task.prompts, settings.promptsPerStep),
    key: splitKey(key, "rollouts", step),
  });
  const experience = await measureExperience(task, rollouts, {
    policy: policy.parameters(),
    value: value.parameters(),
  }).finally(() => disposeParts(rollouts.parts));
  const losses: number[] = [], valueLosses: number[] = [];
  let update = step * updatesPerStep(settings);
  for (const rows of minibatchRows(task, step, experience)) {
    const { policyParts, valueParts, dispose } = experienceTensors(task, experience, rows);
    try {
      losses.push(await policy.update(update, policyParts));
      valueLosses.push(await value.update(update, valueParts));
    } finally {
      dispose();
    }
    update++;
  }
  return {
    tokensGenerated: rollouts.tokensGenerated,
    tokensTrained: settings.epochs * numTokensIn(rollouts.sequences),
    reward: mean(experience.rewards),
    kl: mean(experience.logRatios),
    metrics: {
      loss: mean(losses),
      valueLoss: mean(valueLosses),
      firstRatioError: experience.firstRatioError,
    },
  };
}

/** Rows of each update of a step: in every epoch all rollouts once, in a fresh order cut into minibatches. */
function minibatchRows({ command: { key, settings } }: PolicyTask, step: number, { sequences }: Experience) {
  const { epochs, ppo: { minibatches } } = settings, count = sequences.length;
  return Array.from({ length: epochs }, (_, epoch) => {
    const order = permutation(splitKey(key, "minibatches", step, epoch), count);
    const edge = (minibatch: number) => Math.floor(minibatch * count / minibatches);
    return Array.from({ length: minibatches }, (_, i) => Array.from(order.subarray(edge(i), edge(i + 1))));
  }).flat();
}
