// One batch of rollouts for policy optimisation: K continuations of each drawn prompt, credited by Eq. (3), with leave-one-out
// advantages, cut into parts of like length so that little is padded and little is in memory at a time.
import * as tf from "@tensorflow/tfjs-core";
import type { OptimisePolicy } from "../../events/mod.ts";
import { sampleWithoutReplacement, splitKey } from "../base/random.ts";
import type { Tier } from "../compute/tier.ts";
import type { WordTokenizer } from "../data/word_tokenizer.ts";
import { leaveOneOutAdvantages, regularisedReward, scaledAdvantages } from "../math/policy_objective.ts";
import { generate, type Generation } from "../model/generate.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { sequenceBatch, type TokenSequence } from "../model/sequence_batch.ts";
import { rewardScoring, sequenceScoring } from "./compiled_scores.ts";
import { forbiddenTokens } from "./sample_generations.ts";
import { type BatchPart, readVector } from "./train_chunk.ts";

export interface PolicyTask {
  policy: ModelShape;
  /** π_ref, [parameters] */
  reference: tf.Tensor;
  rewardModel: ModelShape;
  /** Normalised reward, [parameters] */
  reward: tf.Tensor;
  prompts: number[][];
  tokenizer: WordTokenizer;
}

/** What one update is made of. The caller disposes the parts' tensors. */
export interface Rollouts {
  /** tokens, labels, mask [part, time] and advantages [part] each */
  parts: BatchPart[];
  tokensGenerated: number;
  tokensTrained: number;
  /** Means over the rollouts: reward in its unit, sequence log-ratio to the reference in nats. */
  reward: number;
  kl: number;
}

export async function rollOut(
  command: OptimisePolicy,
  tier: Tier,
  { task, parameters, step }: { task: PolicyTask; parameters: tf.Tensor; step: number },
): Promise<Rollouts> {
  const { settings } = command;
  const { prompts, generations } = await sampleRollouts(command, tier, { task, parameters, step });
  const sequences = generations.map(({ tokens }, i): TokenSequence => ({
    prompt: prompts[i],
    continuation: tokens,
  }));
  const parts = partsByLength(sequences, { size: settings.microbatchSize, padId: task.tokenizer.padId });
  const rewards = new Float64Array(sequences.length), ratios = new Float64Array(sequences.length);
  try {
    for (const { rows, tensors } of parts) {
      const measured = await measurePart(tensors, tier, { task, temperature: settings.temperature });
      rows.forEach((row, i) => {
        const { finished, logProbability } = generations[row];
        rewards[row] = measured.rewards[i] - (finished ? 0 : settings.noEosPenalty);
        ratios[row] = logProbability - measured.logReferences[i];
      });
    }
  } catch (error) {
    tf.dispose(parts.map(({ tensors }) => Object.values(tensors)));
    throw error;
  }
  const credited = rewards.map((reward, i) => regularisedReward(reward, ratios[i], settings.klCoefficient));
  const advantages = scaledAdvantages(leaveOneOutAdvantages(credited, settings.samplesPerPrompt));
  const numCounted = parts.reduce((sum, part) => sum + part.numCounted, 0);
  const mean = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    parts: parts.map(({ rows, tensors: { tokens, labels, mask, lastIndex }, numCounted: counted }) => {
      lastIndex.dispose();
      const own = tf.tensor1d(Float32Array.from(rows, (row) => advantages[row]));
      return { tensors: [tokens, labels, mask, own], weight: counted / numCounted };
    }),
    tokensGenerated: generations.reduce((sum, { tokens }) => sum + tokens.length, 0),
    tokensTrained: sequences.reduce(
      (sum, { prompt, continuation }) => sum + prompt.length + continuation.length,
      0,
    ),
    reward: mean(rewards),
    kl: mean(ratios),
  };
}

async function sampleRollouts(
  { settings, key }: OptimisePolicy,
  tier: Tier,
  { task, parameters, step }: { task: PolicyTask; parameters: tf.Tensor; step: number },
): Promise<{ prompts: number[][]; generations: Generation[] }> {
  const { samplesPerPrompt, temperature, maxNewTokens } = settings, { tokenizer } = task;
  const drawn = sampleWithoutReplacement(
    splitKey(key, "prompts", step),
    task.prompts,
    settings.promptsPerStep,
  );
  const prompts = drawn.flatMap((prompt) => Array.from({ length: samplesPerPrompt }, () => prompt));
  const longest = Math.max(...prompts.map((prompt) => prompt.length));
  const generations = await generate(task.policy, parameters, {
    tier,
    prompts,
    samplesPerPrompt,
    key: splitKey(key, "rollouts", step),
    temperature,
    maxNewTokens: Math.min(maxNewTokens, task.policy.maxPositions - longest),
    padId: tokenizer.padId,
    eosId: tokenizer.eosId,
    forbidden: forbiddenTokens(tokenizer),
  });
  return { prompts, generations };
}

interface Part {
  /** Index of each sequence in the whole batch. */
  rows: number[];
  tensors: { tokens: tf.Tensor; labels: tf.Tensor; mask: tf.Tensor; lastIndex: tf.Tensor };
  numCounted: number;
}

/** Sequences in the order of their lengths, `size` at a time. */
function partsByLength(
  sequences: readonly TokenSequence[],
  { size, padId }: { size: number; padId: number },
): Part[] {
  const length = (row: number) => sequences[row].prompt.length + sequences[row].continuation.length;
  const order = sequences.map((_, row) => row).sort((a, b) => length(a) - length(b) || a - b);
  const parts: Part[] = [];
  for (let start = 0; start < order.length; start += size) {
    const rows = order.slice(start, start + size);
    const { batch, time, ...arrays } = sequenceBatch(rows.map((row) => sequences[row]), { padId });
    parts.push({
      rows,
      tensors: {
        tokens: tf.tensor2d(arrays.tokens, [batch, time], "int32"),
        labels: tf.tensor2d(arrays.labels, [batch, time], "int32"),
        mask: tf.tensor2d(arrays.continuationMask, [batch, time]),
        lastIndex: tf.tensor1d(arrays.lastIndex, "int32"),
      },
      numCounted: arrays.continuationMask.reduce((sum, counts) => sum + counts, 0),
    });
  }
  return parts;
}

/** Learned rewards and the reference's log-probabilities; the policy's own come from the sampler. */
async function measurePart(
  { tokens, labels, mask, lastIndex }: Part["tensors"],
  tier: Tier,
  { task, temperature }: { task: PolicyTask; temperature: number },
): Promise<{ rewards: Float32Array; logReferences: Float32Array }> {
  const forbidden = forbiddenTokens(task.tokenizer);
  const scores = rewardScoring(tier, task.rewardModel)(task.reward, tokens, lastIndex);
  const logs = sequenceScoring(tier, task.policy, { temperature, forbidden })(
    task.reference,
    tokens,
    labels,
    mask,
  );
  const measured = { rewards: await readVector(scores), logReferences: await readVector(logs) };
  tf.dispose([scores, logs]);
  return measured;
}
