// What each step of a run has in memory at a time: batches that are trained on, scored and generated, and parameter vectors. Read off
// the step functions; a change there is a change here.
import type { Role, RunConfig } from "../../events/mod.ts";
import { modelShape } from "../model/checkpoint.ts";
import { adapterSize } from "../model/lora.ts";
import { type ModelShape, numParameters } from "../model/model_shape.ts";
import { type LengthFacts, packedSize, sharesRows } from "../model/pack_rows.ts";
import type { PlanData } from "./plan_data.ts";
import { scoringBatch } from "./scoring_batch.ts";
import { loraConfig } from "./trained_model.ts";

export const PLANNED_STEPS = ["sft", "generate", "reward", "policy", "evaluate"] as const;
export type PlannedStep = typeof PLANNED_STEPS[number];

export const ROLE_OF_STEP: Record<PlannedStep, Role> = {
  sft: "policy-optimizer",
  generate: "generator",
  reward: "reward-learner",
  policy: "policy-optimizer",
  evaluate: "evaluator",
};

export interface BatchSize {
  model: ModelShape;
  rows: number;
  time: number;
}

export interface GeneratedSize extends BatchSize {
  /** Of `time`: tokens of the prompt, run once for `samples` rows. */
  promptTime: number;
  samples: number;
}

export interface TrainedSize extends BatchSize {
  /** Whether a batch comes in parts, whose gradients are summed. */
  isCut: boolean;
  /** Whether layers are computed again for their gradients. */
  recompute: boolean;
  /** Numbers that are trained: all parameters, or an adapter's. */
  trainedNumbers: number;
  isAdapter: boolean;
}

export interface StepSizes {
  step: PlannedStep;
  /** Every trained network with its batch or part of one. */
  trained: TrainedSize[];
  scored: BatchSize[];
  generated: GeneratedSize[];
  /** Further models whose parameters are on the device all the time. */
  frozen: ModelShape[];
  /** Models that are on the host all the time, as they were loaded. */
  loaded: ModelShape[];
}

/** A batch is padded to a multiple of this many tokens; compiled generation to a power of two of rows, from 64. */
const LENGTH_MULTIPLE = 8, LEAST_ROWS = 64;

/** Every step's, in the order of a run. `isTraced`: the tier compiles, and fixes the sizes of what it compiles. */
export function stepSizes(
  config: RunConfig,
  data: PlanData,
  { isTraced }: { isTraced: boolean },
): StepSizes[] {
  const policy = modelShape(config.model, data.vocabularySize, "policy");
  const context: Context = { config, data, isTraced, policy, reward: { ...policy, head: "reward" } };
  const steps = [generateSizes(context), rewardSizes(context), policySizes(context), evaluateSizes(context)];
  return config.model.start === "tuned" ? steps : [supervisedSizes(context), ...steps];
}

interface Context {
  config: RunConfig;
  data: PlanData;
  isTraced: boolean;
  policy: ModelShape;
  reward: ModelShape;
}

function supervisedSizes({ config: { supervised, lora, model }, data, policy }: Context): StepSizes {
  const rows = partRows(supervised.batchSize, supervised.microbatchSize);
  const size = batchSize(rows, demonstrations(data));
  // A fresh network is trained whole.
  const adapter = model.start === "fresh" ? null : lora;
  return {
    step: "sft",
    trained: [
      trainedSize({ model: policy, ...size }, {
        isCut: rows < supervised.batchSize,
        recompute: supervised.recomputeLayers,
        lora: adapter,
      }),
    ],
    scored: [],
    generated: [],
    frozen: [],
    loaded: [],
  };
}

function trainedSize(
  size: BatchSize,
  { isCut, recompute, lora }: Pick<TrainedSize, "isCut" | "recompute"> & Pick<RunConfig, "lora">,
): TrainedSize {
  const { model } = size;
  const trainedNumbers = lora === null
    ? numParameters(model)
    : adapterSize({ model, config: loraConfig(model, lora) });
  return { ...size, isCut, recompute, trainedNumbers, isAdapter: lora !== null };
}

function generateSizes(context: Context): StepSizes {
  const { batchSize, maxNewTokens, negatives } = context.config.generation;
  return {
    step: "generate",
    trained: [],
    scored: [],
    generated: [generatedSize(context, { rows: batchSize, maxNewTokens, samples: negatives })],
    frozen: [context.policy],
    loaded: [context.policy],
  };
}

function rewardSizes({ config: { reward, generation, lora }, data, reward: model }: Context): StepSizes {
  const pairs = partRows(reward.batchSize, reward.microbatchSize);
  const own = demonstrations(data), drawn = generations(data, generation.maxNewTokens);
  const texts = { longest: Math.max(own.longest, drawn.longest), mean: (own.mean + drawn.mean) / 2 };
  const size = batchSize(2 * pairs, texts), isResidual = reward.kind === "residual";
  return {
    step: "reward",
    trained: [
      trainedSize({ model, ...size }, {
        isCut: pairs < reward.batchSize,
        recompute: reward.recomputeLayers,
        lora,
      }),
    ],
    scored: [
      ...(isResidual ? [{ model, ...size }] : []),
      scoredSize(model, texts),
    ],
    generated: [],
    frozen: isResidual ? [model] : [],
    loaded: [],
  };
}

function policySizes(context: Context): StepSizes {
  const { config: { policy: settings, lora }, data, policy, reward } = context;
  const { promptsPerStep, samplesPerPrompt, microbatchSize, maxNewTokens, optimiser, ppo } = settings;
  const rollouts = promptsPerStep * samplesPerPrompt, isPpo = optimiser === "ppo";
  const isBest = optimiser === "best-of-n" || optimiser === "raft";
  const batch = isBest ? promptsPerStep : isPpo ? Math.ceil(rollouts / ppo.minibatches) : rollouts;
  const rows = Math.min(microbatchSize, batch), isCut = rows < batch;
  const texts = generations(data, maxNewTokens);
  const scored = batchSize(Math.min(microbatchSize, rollouts), texts);
  const frozen = [policy, reward, ...(optimiser === "best-of-n" ? [policy] : [])];
  return {
    step: "policy",
    trained: [policy, ...(isPpo ? [reward] : [])].map((model) =>
      trainedSize({ model, ...batchSize(rows, texts) }, { isCut, recompute: settings.recomputeLayers, lora })
    ),
    scored: [{ model: policy, ...scored }, { model: reward, ...scored }],
    generated: [
      generatedSize(context, {
        rows: settings.rolloutBatchSize ?? rollouts,
        maxNewTokens,
        samples: samplesPerPrompt,
      }),
    ],
    frozen,
    // The policy that the step starts from as well.
    loaded: [...frozen, ...(lora === null ? [policy] : [])],
  };
}

function evaluateSizes(context: Context): StepSizes {
  const { config: { evaluation }, data, policy, reward, isTraced } = context;
  const { batchSize: rows, maxNewTokens, samplesPerPrompt } = evaluation;
  // Greedy texts are one to a prompt: where prompts are run once for all their samples, that is a program of its own.
  const drawn = isTraced ? [...new Set([samplesPerPrompt, 1])] : [1];
  return {
    step: "evaluate",
    trained: [],
    scored: [policy, reward].flatMap((model) => [
      scoredSize(model, demonstrations(data)),
      scoredSize(model, generations(data, maxNewTokens)),
    ]),
    generated: drawn.map((samples) => generatedSize(context, { rows, maxNewTokens, samples })),
    frozen: [policy, policy, reward],
    loaded: [policy, policy, reward],
  };
}

function generatedSize(
  { data, isTraced, policy: model }: Context,
  { rows, maxNewTokens, samples }: { rows: number; maxNewTokens: number; samples: number },
): GeneratedSize {
  const promptTime = padded(data.prompt.longest);
  return {
    model,
    rows: isTraced ? 2 ** Math.ceil(Math.log2(Math.max(rows, LEAST_ROWS))) : rows,
    time: promptTime + padded(maxNewTokens),
    promptTime,
    samples: isTraced ? samples : 1,
  };
}

/** Rows that so many texts take at most, and their length: short texts may share rows. Common beginnings would make it less. */
function batchSize(texts: number, lengths: LengthFacts): { rows: number; time: number } {
  return sharesRows(lengths) ? packedSize(texts, lengths) : { rows: texts, time: padded(lengths.longest) };
}

function scoredSize(model: ModelShape, lengths: LengthFacts): BatchSize {
  return { model, ...batchSize(scoringBatch(model, lengths.longest), lengths) };
}

function demonstrations({ prompt, completion }: PlanData): LengthFacts {
  return { longest: prompt.longest + completion.longest, mean: prompt.mean + completion.mean };
}

/** Nothing says that they end by themselves: all are taken to be as long as they may be. */
function generations({ prompt }: PlanData, maxNewTokens: number): LengthFacts {
  const longest = prompt.longest + maxNewTokens;
  return { longest, mean: longest };
}

function partRows(batchSize: number, microbatchSize: number | null): number {
  return Math.min(batchSize, microbatchSize ?? batchSize);
}

function padded(length: number): number {
  return LENGTH_MULTIPLE * Math.ceil(length / LENGTH_MULTIPLE);
}
