// Step "policy": RLOO on the learned reward under KL to the reference. Paper: Eqs. (3) and (5b), policy alignment of
// Algorithm 1. Prompts come from the whole prompt set, demonstrated or not.
import * as tf from "@tensorflow/tfjs-core";
import type { OptimisePolicy, WorkTypes } from "../../events/mod.ts";
import { policyLoss, regularisedReward } from "../math/policy_objective.ts";
import { policyLogProbabilities } from "../model/policy_model.ts";
import { type PolicyTask, rollOut } from "./roll_out.ts";
import { readModel, readPrompts, readTokenizer, saveModel } from "./run_artifacts.ts";
import { forbiddenTokens } from "./sample_generations.ts";
import type { StepOutcome, StepPorts } from "./step_ports.ts";
import { chunkPlace, openTrainer, saveState, trainingState } from "./train_chunk.ts";

type Data = WorkTypes["OptimisePolicy"]["data"];

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
      const rollouts = await rollOut(command, ports.tier, { task, parameters: trainer.parameters(), step });
      await trainer.update(step, rollouts.parts).finally(() =>
        tf.dispose(rollouts.parts.map(({ tensors }) => tensors))
      );
      totals.tokensGenerated += rollouts.tokensGenerated;
      totals.tokensTrained += rollouts.tokensTrained;
      totals.reward += rollouts.reward;
      totals.kl += rollouts.kl;
      const metrics = { reward: rollouts.reward, kl: rollouts.kl };
      ports.progress({ done: step + 1, total: command.numSteps, unit: "steps", metrics });
    }
    const state = await trainer.state(command.toStep);
    const numDone = command.toStep - command.fromStep;
    const meanReward = totals.reward / numDone, meanKl = totals.kl / numDone;
    return {
      data: {
        ...chunkPlace(command),
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
