// What every policy optimiser works on, read from a command's artifacts: the policy it starts from, π_ref, the reward, prompts.
import * as tf from "@tensorflow/tfjs-core";
import type { OptimisePolicy } from "../../events/mod.ts";
import { encodePrompt, type Tokenizer } from "../data/tokenizer.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { readModel, readPrompts, readTokenizer } from "./run_artifacts.ts";
import { forbiddenTokens } from "./sample_generations.ts";
import type { StepPorts } from "./step_ports.ts";
import { type TrainedModel, trainStored } from "./trained_model.ts";

export interface PolicyTask {
  command: OptimisePolicy;
  ports: StepPorts;
  policy: ModelShape;
  /** Starts as this iteration's first policy. */
  trained: TrainedModel;
  /** π_ref, [parameters] */
  reference: tf.Tensor;
  rewardModel: ModelShape;
  /** Normalised reward, [parameters] */
  reward: tf.Tensor;
  /** Token ids of every prompt, demonstrated or not. */
  prompts: number[][];
  tokenizer: Tokenizer;
  /** Ids that are never drawn and get no probability. */
  forbidden: number[];
}

/** Close it, whatever happens. */
export async function openPolicyTask(command: OptimisePolicy, ports: StepPorts): Promise<PolicyTask> {
  const { settings, lora, key } = command;
  const tokenizer = await readTokenizer(ports, command.tokenizer);
  // The command's reference is the SFT policy, its policy that of the iteration before.
  const reference = await readModel(
    ports,
    settings.klReference === "sft" ? command.reference : command.policy,
  );
  const reward = await readModel(ports, command.reward);
  const prompts = (await readPrompts(ports, command.prompts)).map((prompt) =>
    encodePrompt(tokenizer, prompt)
  );
  const start = settings.start === "sft" ? command.reference : command.policy;
  const trained = await trainStored(ports, start, { lora, key });
  return {
    command,
    ports,
    policy: trained.model,
    trained,
    reference: tf.tensor1d(reference.flat),
    rewardModel: reward.model,
    reward: tf.tensor1d(reward.flat),
    prompts,
    tokenizer,
    forbidden: forbiddenTokens(tokenizer),
  };
}

export function closePolicyTask({ trained, reference, reward }: PolicyTask): void {
  trained.close();
  tf.dispose([reference, reward]);
}

/** One policy optimiser at work: what the chunk loop asks of it. Close it, whatever happens. */
export interface PolicyUpdates {
  /** Training step `step` of the iteration: rollouts, and one update or several. */
  update(step: number): Promise<PolicyUpdate>;
  /** Saves what the next chunk goes on from, after `step` steps. */
  save(step: number): Promise<{ state: string; trained: Float32Array }>;
  close(): void;
}

export interface PolicyUpdate {
  tokensGenerated: number;
  tokensTrained: number;
  /** Means over the rollouts: reward in its unit, sequence log-ratio to the reference in nats. */
  reward: number;
  kl: number;
  /** Further curves. */
  metrics?: Record<string, number>;
}
