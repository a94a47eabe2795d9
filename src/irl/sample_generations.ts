// Step "generate": continuations y′ ∼ π(·|x) of the current policy for demonstrated prompts: the negatives of Eq. (11).
import * as tf from "@tensorflow/tfjs-core";
import type { SampleGenerations, WorkTypes } from "../../events/mod.ts";
import { encodeJsonLines } from "../base/json_lines.ts";
import { type RandomKey, splitKey } from "../base/random.ts";
import type { GenerationRow } from "../data/stored_rows.ts";
import type { Tier } from "../compute/tier.ts";
import { encodePrompt, type Tokenizer, unknownIds } from "../data/tokenizer.ts";
import { generate, type Generation } from "../model/generate.ts";
import { contextLimit, type ModelShape } from "../model/model_shape.ts";
import { readDemonstrations, readModel, readTokenizer } from "./run_artifacts.ts";
import type { StepOutcome, StepPorts } from "./step_ports.ts";

type Outcome = StepOutcome<WorkTypes["SampleGenerations"]["data"]>;

/** Shard s of S takes every demonstration with row ≡ s (mod S), `negatives` times. */
export async function sampleGenerations(command: SampleGenerations, ports: StepPorts): Promise<Outcome> {
  const { settings } = command;
  const tokenizer = await readTokenizer(ports, command.tokenizer);
  const demonstrations = await readDemonstrations(ports, command.demonstrations);
  const { model, flat } = await readModel(ports, command.policy);
  const asked = demonstrations.flatMap((demonstration, row) =>
    row % command.numShards === command.shard
      ? Array.from(
        { length: settings.negatives },
        () => ({ row, prompt: encodePrompt(tokenizer, demonstration.prompt) }),
      )
      : []
  );
  const parameters = tf.tensor1d(flat);
  let generations: Generation[];
  try {
    generations = await generateInBatches(ports, { tier: ports.tier, model, parameters, tokenizer }, {
      prompts: asked.map(({ prompt }) => prompt),
      key: command.key,
      temperature: settings.temperature,
      maxNewTokens: settings.maxNewTokens,
      batchSize: settings.batchSize,
      samplesPerPrompt: settings.negatives,
    });
  } finally {
    parameters.dispose();
  }
  const rows: GenerationRow[] = generations.map(({ tokens, finished }, i) => ({
    demonstration: asked[i].row,
    tokens,
    finished,
    text: tokenizer.decode(tokens),
  }));
  return {
    data: {
      v: 1,
      iteration: command.iteration,
      shard: command.shard,
      key: command.key,
      generations: await ports.artifacts.put(encodeJsonLines(rows)),
      numGenerations: rows.length,
      tokensGenerated: rows.reduce((sum, row) => sum + row.tokens.length, 0),
      finishedShare: rows.filter((row) => row.finished).length / rows.length,
    },
    meta: {},
  };
}

export interface Sampler {
  tier: Tier;
  model: ModelShape;
  /** [parameters] */
  parameters: tf.Tensor;
  tokenizer: Tokenizer;
}

export interface BatchedSampling {
  prompts: readonly (readonly number[])[];
  key: RandomKey;
  temperature: number | "greedy";
  /** Draws from the k likeliest tokens. @default all */
  topK?: number;
  /** Draws from the likeliest tokens that make up this share of the probability. @default all */
  topP?: number;
  maxNewTokens: number;
  batchSize: number;
  /** Hint: so many prompts in a row are the same. @default 1 */
  samplesPerPrompt?: number;
}

/** Generates for any number of prompts, `batchSize` at a time; batch b draws with its own key. */
export async function generateInBatches(
  ports: Pick<StepPorts, "progress">,
  { tier, model, parameters, tokenizer }: Sampler,
  { prompts, key, temperature, topK, topP, maxNewTokens, batchSize, samplesPerPrompt }: BatchedSampling,
): Promise<Generation[]> {
  const out: Generation[] = [];
  for (let start = 0; start < prompts.length; start += batchSize) {
    const batch = prompts.slice(start, start + batchSize);
    const longest = Math.max(...batch.map((prompt) => prompt.length));
    out.push(
      ...await generate(model, parameters, {
        tier,
        prompts: batch,
        rows: batchSize,
        samplesPerPrompt,
        key: splitKey(key, "batch", start / batchSize),
        temperature,
        topK,
        topP,
        maxNewTokens: Math.min(maxNewTokens, contextLimit(model) - longest),
        padId: tokenizer.padId,
        eosId: tokenizer.eosId,
        forbidden: forbiddenTokens(tokenizer),
      }),
    );
    ports.progress({
      done: Math.min(prompts.length, start + batchSize),
      total: prompts.length,
      unit: "rows",
    });
  }
  return out;
}

/**
 * What a policy never says: padding and, where there is one, the unknown word. Ids beyond the tokenizer, with which some
 * checkpoints pad their embedding, are not among them: a trained policy all but never draws one, and `decode` gives nothing for it.
 */
export function forbiddenTokens(tokenizer: Tokenizer): number[] {
  return [...new Set([tokenizer.padId, ...unknownIds(tokenizer)])];
}
