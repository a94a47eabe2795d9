// One batch of rollouts for policy optimisation: K continuations of each given prompt, with the learned reward and the log-ratio
// to the reference of each.
import * as tf from "@tensorflow/tfjs-core";
import { type RandomKey, splitKey } from "../base/random.ts";
import { callAll } from "../compute/call_all.ts";
import { generate, type Generation } from "../model/generate.ts";
import { contextLimit } from "../model/model_shape.ts";
import { firstEquals, type TokenSequence } from "../model/token_sequence.ts";
import { rewardScoring, sequenceSums, tokenScoring } from "./compiled_scores.ts";
import type { PolicyTask } from "./policy_task.ts";
import { lanesForParts, type SequencePart, sequenceParts } from "./sequence_parts.ts";
import { readVector } from "./train_chunk.ts";

export interface Rollouts {
  /** K of a prompt stand together. */
  sequences: TokenSequence[];
  generations: Generation[];
  /** The sequences as tensors, `microbatchSize` at a time; the caller disposes them. */
  parts: SequencePart[];
  tokensGenerated: number;
}

/** `samplesPerPrompt` rollouts of each prompt, in the prompts' order. */
export async function rollOut(
  task: PolicyTask,
  parameters: tf.Tensor,
  { prompts, key }: { prompts: readonly number[][]; key: RandomKey },
): Promise<Rollouts> {
  const { samplesPerPrompt, rolloutBatchSize, microbatchSize } = task.command.settings;
  const generations: Generation[] = [];
  if (rolloutBatchSize === null) {
    generations.push(...await generateFor(task, parameters, { prompts, key }));
  } else {
    const size = Math.max(1, Math.floor(rolloutBatchSize / samplesPerPrompt));
    for (let start = 0; start < prompts.length; start += size) {
      const batch = {
        prompts: prompts.slice(start, start + size),
        key: splitKey(key, "batch", start / size),
      };
      generations.push(...await generateFor(task, parameters, batch));
    }
  }
  const sequences = generations.map(({ tokens }, i): TokenSequence => ({
    prompt: prompts[Math.floor(i / samplesPerPrompt)],
    continuation: tokens,
  }));
  return {
    sequences,
    generations,
    parts: sequenceParts(sequences, { size: microbatchSize, padId: task.tokenizer.padId }),
    tokensGenerated: generations.reduce((sum, { tokens }) => sum + tokens.length, 0),
  };
}

async function generateFor(
  { command: { settings }, ports, policy, tokenizer, forbidden }: PolicyTask,
  parameters: tf.Tensor,
  { prompts, key }: { prompts: readonly number[][]; key: RandomKey },
): Promise<Generation[]> {
  const { samplesPerPrompt, temperature, maxNewTokens } = settings;
  const asked = prompts.flatMap((prompt) => Array.from({ length: samplesPerPrompt }, () => prompt));
  const longest = Math.max(...asked.map((prompt) => prompt.length));
  return await generate(policy, parameters, {
    tier: ports.tier,
    prompts: asked,
    samplesPerPrompt,
    key,
    temperature,
    maxNewTokens: Math.min(maxNewTokens, contextLimit(policy) - longest),
    padId: tokenizer.padId,
    eosId: tokenizer.eosId,
    forbidden,
  });
}

/** Of each rollout: reward, penalised where the text has no end, and log π/π_ref of the whole continuation in nats. */
export async function measureRollouts(
  task: PolicyTask,
  { sequences, generations, parts }: Rollouts,
): Promise<{ rewards: Float64Array; logRatios: Float64Array }> {
  const raw = new Float64Array(sequences.length), logReferences = new Float64Array(sequences.length);
  const measured = await measureParts(task, parts);
  for (const [i, { rows, batch }] of parts.entries()) {
    const rewards = await readVector(measured[2 * i]), perToken = await readVector(measured[2 * i + 1]);
    const sums = sequenceSums(perToken, batch);
    rows.forEach((row, i) => {
      raw[row] = rewards[i];
      logReferences[row] = sums[i];
    });
  }
  tf.dispose(measured);
  // Equal rollouts get equal numbers: an advantage must not be made of their last bits.
  const first = firstEquals(sequences);
  return {
    rewards: Float64Array.from(first, (row) => penalisedReward(task, raw[row], generations[row])),
    logRatios: Float64Array.from(first, (row) => generations[row].logProbability - logReferences[row]),
  };
}

/** What a rollout's reward becomes where the text does not end by itself. */
export function penalisedReward(
  { command: { settings: { noEosForm, noEosPenalty } } }: PolicyTask,
  reward: number,
  { finished }: Generation,
): number {
  if (finished) return reward;
  return (noEosForm === "subtract" ? reward : 0) - noEosPenalty;
}

/** Of each part the learned rewards, then the reference's log-probabilities; the policy's own come from the sampler. */
async function measureParts(
  { command: { settings }, ports: { tier }, policy, reference, rewardModel, reward, forbidden }: PolicyTask,
  parts: readonly SequencePart[],
): Promise<tf.Tensor[]> {
  const { temperature } = settings, score = rewardScoring(tier, rewardModel);
  const logs = tokenScoring(tier, policy, { temperature, forbidden });
  const lanes = lanesForParts(tier, policy, parts);
  const results = await callAll(
    lanes,
    parts.flatMap(({ tensors }) => [
      async () => [await score(reward, tensors)],
      async () => [await logs(reference, tensors)],
    ]),
  );
  return results.flat();
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
