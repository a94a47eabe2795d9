// Presets: plain partial configurations over the defaults of the schema (events/run_config.ts).
import type { RunConfigInput } from "../../events/mod.ts";
import { tldr, ultrachat } from "./paper_presets.ts";

/**
 * The made-up task at the size of a real experiment: the product's first impression. Rollouts are warmer than the default,
 * because at 0.6 the samples at T = 1 did not improve (README, Experiments).
 */
const demo: RunConfigInput = {
  preset: "demo",
  task: { kind: "made-up" },
  policy: { temperature: 0.8, steps: 120 },
  evaluation: { samplesPerPrompt: 4 },
};

/** Human restaurant descriptions (E2E NLG), read from files that the user names. */
const e2e: RunConfigInput = {
  preset: "e2e",
  task: { kind: "e2e" },
};

/** Your own demonstrations: no gold measure. */
const own: RunConfigInput = {
  preset: "own",
  task: { kind: "own", demonstrations: null },
};

/** The whole loop in seconds, for tests and a first look; too small to learn much. */
const tiny: RunConfigInput = {
  preset: "tiny",
  iterations: 2,
  task: { kind: "made-up", demonstrations: 192, prompts: 240, evaluationPrompts: 24 },
  tokenizer: { minCount: 1 },
  model: { hiddenSize: 32, numLayers: 2, numHeads: 2, intermediateSize: 64, maxPositions: 64 },
  supervised: { epochs: 20, batchSize: 32, learningRate: 1e-2, warmupSteps: 4, chunkSteps: 40 },
  generation: { negatives: 2, batchSize: 96, shards: 2, maxNewTokens: 32 },
  reward: { batchSize: 16, heldOutEvery: 6, chunkSteps: 10 },
  policy: {
    promptsPerStep: 8,
    samplesPerPrompt: 4,
    steps: 6,
    chunkSteps: 3,
    warmupSteps: 2,
    maxNewTokens: 32,
  },
  evaluation: { maxNewTokens: 32 },
};

export const PRESETS: Readonly<Record<string, RunConfigInput>> = { demo, e2e, own, tiny, tldr, ultrachat };
