// Policy updates by RLOO: K rollouts of each drawn prompt, credited by Eq. (3), with leave-one-out advantages; one update.
import * as tf from "@tensorflow/tfjs-core";
import { sampleWithoutReplacement, splitKey } from "../base/random.ts";
import {
  leaveOneOutAdvantages,
  policyLoss,
  regularisedReward,
  scaledAdvantages,
} from "../math/policy_objective.ts";
import { policyLogProbabilities } from "../model/policy_model.ts";
import type { PolicyTask, PolicyUpdate, PolicyUpdates } from "./policy_task.ts";
import { mean, measureRollouts, rollOut } from "./roll_out.ts";
import { disposeParts, numTokensIn, type SequencePart, spreadOver, weightedParts } from "./sequence_parts.ts";
import { openTrainer, saveState, type Trainer, trainingState } from "./train_chunk.ts";
import { trainerSettings } from "./trainer_settings.ts";

export async function openRloo(task: PolicyTask): Promise<PolicyUpdates> {
  const { command, ports, policy: model, trained, forbidden } = task, { settings } = command;
  const { temperature, recomputeLayers: recompute } = settings;
  const trainer = openTrainer(ports, await trainingState(ports, command.state, trained), {
    name: "policy step",
    model,
    trainable: trained.trainable,
    ...trainerSettings(settings, command),
    lossSettings: { model, temperature, forbidden, recompute },
    loss: (flat, tokens, labels, mask, advantages, placement) =>
      policyLoss(
        policyLogProbabilities(model, flat, { tokens, labels, placement, temperature, forbidden, recompute }),
        mask,
        advantages,
      ),
  });
  return {
    update: (step) => updateOn(task, trainer, step),
    async save(step) {
      const state = await trainer.state(step);
      return { state: await saveState(ports, model, state), trained: state.parameters };
    },
    close: () => trainer.close(),
  };
}

async function updateOn(task: PolicyTask, trainer: Trainer, step: number): Promise<PolicyUpdate> {
  const { key, settings } = task.command;
  const rollouts = await rollOut(task, trainer.parameters(), {
    prompts: sampleWithoutReplacement(splitKey(key, "prompts", step), task.prompts, settings.promptsPerStep),
    key: splitKey(key, "rollouts", step),
  });
  const { parts, sequences, tokensGenerated } = rollouts, own: tf.Tensor[] = [];
  try {
    const { rewards, logRatios } = await measureRollouts(task, rollouts);
    const credited = rewards.map((reward, i) =>
      regularisedReward(reward, logRatios[i], settings.klCoefficient)
    );
    const advantages = scaledAdvantages(leaveOneOutAdvantages(credited, settings.samplesPerPrompt));
    const credit = (part: SequencePart) => {
      const credited = spreadOver(part, advantages);
      own.push(credited);
      return [credited];
    };
    await trainer.update(step, weightedParts(parts, credit));
    return {
      tokensGenerated,
      tokensTrained: numTokensIn(sequences),
      reward: mean(rewards),
      kl: mean(logRatios),
    };
  } finally {
    disposeParts(parts);
    tf.dispose(own);
  }
}
