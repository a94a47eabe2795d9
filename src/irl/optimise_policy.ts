// Step "policy": optimise the learned reward, with KL to the reference where the optimiser has one. Paper: Eqs. (3) and (5b),
// policy alignment of Algorithm 1. Prompts come from the whole prompt set, demonstrated or not.
import type { OptimisePolicy, WorkTypes } from "../../events/mod.ts";
import { ConfigError } from "../base/errors.ts";
import { regularisedReward } from "../math/policy_objective.ts";
import { openBestOfN } from "./best_of_n_updates.ts";
import { closePolicyTask, openPolicyTask, type PolicyTask, type PolicyUpdates } from "./policy_task.ts";
import { openPpo } from "./ppo_updates.ts";
import { openRloo } from "./rloo_updates.ts";
import type { StepOutcome, StepPorts } from "./step_ports.ts";
import { chunkPlace } from "./train_chunk.ts";

type Data = WorkTypes["OptimisePolicy"]["data"];

export async function optimisePolicy(command: OptimisePolicy, ports: StepPorts): Promise<StepOutcome<Data>> {
  const task = await openPolicyTask(command, ports);
  try {
    const updates = await openUpdates(task);
    try {
      return { data: await runChunk(task, updates), meta: {} };
    } finally {
      updates.close();
    }
  } finally {
    closePolicyTask(task);
  }
}

async function openUpdates(task: PolicyTask): Promise<PolicyUpdates> {
  const { optimiser } = task.command.settings;
  switch (optimiser) {
    case "rloo":
      return await openRloo(task);
    case "ppo":
      return await openPpo(task);
    case "best-of-n":
    case "raft":
      return await openBestOfN(task);
    case "reinforce":
    case "remax":
      throw new ConfigError(`Set policy.optimiser to "rloo": "${optimiser}" is not built in this version`);
    default:
      return optimiser satisfies never;
  }
}

async function runChunk({ command, ports, trained }: PolicyTask, updates: PolicyUpdates): Promise<Data> {
  const totals = { tokensGenerated: 0, tokensTrained: 0, reward: 0, kl: 0 };
  for (let step = command.fromStep; step < command.toStep; step++) {
    const { tokensGenerated, tokensTrained, reward, kl, metrics } = await updates.update(step);
    totals.tokensGenerated += tokensGenerated;
    totals.tokensTrained += tokensTrained;
    totals.reward += reward;
    totals.kl += kl;
    ports.progress({
      done: step + 1,
      total: command.numSteps,
      unit: "steps",
      metrics: { reward, kl, ...metrics },
    });
  }
  const saved = await updates.save(command.toStep);
  const numDone = command.toStep - command.fromStep;
  const reward = totals.reward / numDone, kl = totals.kl / numDone;
  return {
    ...chunkPlace(command),
    state: saved.state,
    tokensTrained: totals.tokensTrained,
    tokensGenerated: totals.tokensGenerated,
    reward,
    kl,
    objective: regularisedReward(reward, kl, command.settings.klCoefficient),
    policy: command.toStep === command.numSteps ? await trained.save(saved.trained) : null,
  };
}
