// Policy updates by best-of-N: N rollouts a prompt, of which the one with the largest reward is trained on by the loss of Eq. (1).
// "best-of-n" samples from the policy that the iteration starts from and may train on the chosen texts in several epochs (as
// iterative best-of-N does); "raft" samples from the current policy in each step (Dong et al. 2023). No KL term: N bounds it.
import * as tf from "@tensorflow/tfjs-core";
import { NonFiniteError } from "../base/errors.ts";
import { encodeJsonLines } from "../base/json_lines.ts";
import { permutation, splitKey } from "../base/random.ts";
import { type ChosenText, chosenTextSchema } from "../data/policy_state_rows.ts";
import { storedRows } from "../data/stored_rows.ts";
import { bestOfEach } from "../math/best_of_n.ts";
import { supervisedLoss } from "../math/supervised_loss.ts";
import { policyLogProbabilities } from "../model/policy_model.ts";
import { minibatches } from "./minibatches.ts";
import type { PolicyTask, PolicyUpdate, PolicyUpdates } from "./policy_task.ts";
import { mean, measureRollouts, rollOut } from "./roll_out.ts";
import { disposeParts, numTokensIn, sequenceParts, weightedParts } from "./sequence_parts.ts";
import { readStateParts, saveStateParts } from "./state_parts.ts";
import { openTrainer, saveState, type Trainer, trainingState } from "./train_chunk.ts";
import { firstNetwork } from "./trained_model.ts";
import { trainerSettings } from "./trainer_settings.ts";

/** What goes on from step to step. */
interface Work {
  task: PolicyTask;
  trainer: Trainer;
  /** Where best-of-n samples from, [parameters]; undefined for raft. */
  frozen?: tf.Tensor;
  /** Every text chosen so far, step by step. */
  chosen: ChosenText[];
}

export async function openBestOfN(task: PolicyTask): Promise<PolicyUpdates> {
  const { command, ports, policy: model, trained, forbidden } = task, { settings } = command;
  const { temperature, recomputeLayers: recompute } = settings;
  const saved = await readStateParts(ports, command.state, ["policy", "chosen"]);
  const state = await trainingState(ports, saved("policy"), trained);
  const rows = saved("chosen");
  const chosen = rows === null ? [] : storedRows(await ports.artifacts.get(rows), chosenTextSchema);
  const frozen = settings.optimiser === "best-of-n" ? await firstNetwork(trained) : undefined;
  const trainer = openTrainer(ports, state, {
    name: "best-of-N step",
    model,
    trainable: trained.trainable,
    ...trainerSettings(settings, command),
    lossSettings: { model, temperature, forbidden, recompute },
    loss: (flat, tokens, labels, mask, placement) =>
      supervisedLoss(
        tf.reshape(
          policyLogProbabilities(model, flat, {
            tokens,
            labels,
            placement,
            temperature,
            forbidden,
            recompute,
          }),
          [-1],
        ),
        tf.reshape(mask, [-1]),
      ),
  });
  const work: Work = { task, trainer, frozen, chosen };
  return {
    update: (step) => updateOn(work, step),
    async save(step) {
      const state = await trainer.state(step);
      const parts = {
        policy: await saveState(ports, model, state),
        chosen: await ports.artifacts.put(encodeJsonLines(chosen)),
      };
      return { state: await saveStateParts(ports, parts), trained: state.parameters };
    },
    close() {
      trainer.close();
      frozen?.dispose();
    },
  };
}

/** Steps 0 … n − 1 sample, n = numSteps / epochs rounded up; later ones train on the same texts again, in another order. */
async function updateOn(work: Work, step: number): Promise<PolicyUpdate> {
  const { task, trainer, chosen } = work, { numSteps, settings } = task.command;
  const perEpoch = Math.ceil(numSteps / settings.epochs);
  const sampled = step < perEpoch ? await sampleChosen(work, step) : undefined;
  if (sampled !== undefined) chosen.push(...sampled.texts);
  const texts = sampled?.texts ?? chosenAgain(work, step, perEpoch);
  const sequences = texts.map(({ prompt, tokens }) => ({
    prompt: task.prompts[prompt],
    continuation: tokens,
  }));
  const parts = sequenceParts(sequences, { size: settings.microbatchSize, padId: task.tokenizer.padId });
  const loss = await trainer.update(step, weightedParts(parts)).finally(() => disposeParts(parts));
  return {
    tokensGenerated: sampled?.tokensGenerated ?? 0,
    tokensTrained: numTokensIn(sequences),
    reward: mean(texts.map(({ meanReward }) => meanReward)),
    kl: mean(texts.map(({ meanLogRatio }) => meanLogRatio)),
    metrics: { best: mean(texts.map(({ reward }) => reward)), loss },
  };
}

/** N rollouts of each of the step's prompts, and the best of each. Every prompt once before any a second time. */
async function sampleChosen(
  { task, trainer, frozen }: Work,
  step: number,
): Promise<{ texts: ChosenText[]; tokensGenerated: number }> {
  const { key, settings } = task.command, { samplesPerPrompt } = settings;
  const rows = minibatches(splitKey(key, "prompts"), {
    numRows: task.prompts.length,
    batchSize: settings.promptsPerStep,
  })(step);
  const prompts = Array.from(rows, (row) => task.prompts[row]);
  const rollouts = await rollOut(task, frozen ?? trainer.parameters(), {
    prompts,
    key: splitKey(key, "rollouts", step),
  });
  const { rewards, logRatios } = await measureRollouts(task, rollouts).finally(() =>
    disposeParts(rollouts.parts)
  );
  if (!rewards.every(Number.isFinite)) {
    throw new NonFiniteError(
      `best-of-N step: the reward of a rollout of training step ${step + 1} is not finite`,
    );
  }
  const texts = bestOfEach(rewards, samplesPerPrompt).map((best, i): ChosenText => {
    const start = i * samplesPerPrompt, end = start + samplesPerPrompt;
    return {
      prompt: rows[i],
      tokens: rollouts.generations[best].tokens,
      reward: rewards[best],
      meanReward: mean(rewards.subarray(start, end)),
      meanLogRatio: mean(logRatios.subarray(start, end)),
    };
  });
  return { texts, tokensGenerated: rollouts.tokensGenerated };
}

function chosenAgain({ task, chosen }: Work, step: number, perEpoch: number): ChosenText[] {
  const { key } = task.command, epoch = Math.floor(step / perEpoch);
  const order = permutation(splitKey(key, "epoch", epoch), chosen.length);
  // As many as a step of the first epoch chose: promptsPerStep, or all prompts if they are fewer.
  const size = chosen.length / perEpoch, start = (step % perEpoch) * size;
  return Array.from(order.subarray(start, start + size), (row) => chosen[row]);
}
