// How much each step of a run computes, over all iterations: training steps, tokens, floating-point operations, and how often drawing a
// token reads all parameters (which is what bounds it). By mean lengths; padding is left out.
import type { RunConfig } from "../../events/mod.ts";
import { modelShape } from "../model/checkpoint.ts";
import { cachedNumbers, forwardOperations, trainingOperations } from "../model/model_cost.ts";
import { type ModelShape, numParameters } from "../model/model_shape.ts";
import type { PlanData } from "./plan_data.ts";
import { numRewardSteps, numSupervisedSteps } from "./plan_steps.ts";
import { PLANNED_STEPS, type PlannedStep } from "./step_sizes.ts";

/** Of one step over all iterations of a run. */
export interface StepWork {
  step: PlannedStep;
  /** Updates of parameters. */
  updates: number;
  tokensTrained: number;
  tokensScored: number;
  tokensGenerated: number;
  /** Floating-point operations of training and scoring, and of prompts before generation. */
  operations: number;
  /** Floating-point operations of drawing tokens one after another. */
  drawingOperations: number;
  /** Bytes that drawing reads: parameters once a token of a batch, and the keys and values so far. */
  drawingBytes: number;
}

/** Every step that the run has, in its order. */
export function runWork(config: RunConfig, data: PlanData): StepWork[] {
  const context = workContext(config, data), { iterations } = config;
  const works: Record<PlannedStep, StepWork> = {
    sft: config.model.start === "tuned" ? emptyWork("sft") : supervisedWork(context),
    generate: times(generateWork(context), iterations),
    reward: times(rewardWork(context), iterations),
    policy: times(policyWork(context), iterations),
    evaluate: times(evaluateWork(context), iterations + 1),
  };
  return PLANNED_STEPS.map((step) => works[step]).filter(({ operations }) => operations > 0);
}

/** Texts scored when a reward is finished: held-out pairs, before and after, and demonstrations. */
const MEASURED_TEXTS = 5000;
/** A decoding at T = 1, at T = 0.5 and greedily. */
const DECODINGS = 3;

interface Context {
  config: RunConfig;
  data: PlanData;
  policy: ModelShape;
  reward: ModelShape;
  /** Mean tokens: prompt, prompt with demonstration. */
  prompt: number;
  text: number;
}

function workContext(config: RunConfig, data: PlanData): Context {
  const policy = modelShape(config.model, data.vocabularySize, "policy"), prompt = data.prompt.mean;
  return {
    config,
    data,
    policy,
    reward: { ...policy, head: "reward" },
    prompt,
    text: prompt + data.completion.mean,
  };
}

/** Mean tokens of a generation: as a demonstration, where that is allowed. */
function generatedTokens({ data }: Context, maxNewTokens: number): number {
  return Math.min(maxNewTokens, data.completion.mean);
}

function supervisedWork({ config: { supervised }, data, policy, text }: Context): StepWork {
  const updates = numSupervisedSteps(supervised, data.numDemonstrations);
  const tokensTrained = updates * Math.min(supervised.batchSize, data.numDemonstrations) * text;
  return {
    ...emptyWork("sft"),
    updates,
    tokensTrained,
    operations: tokensTrained * trainingOperations(policy, text, recomputing(supervised)),
  };
}

function generateWork(context: Context): StepWork {
  const { batchSize, maxNewTokens, negatives } = context.config.generation;
  return drawn(context, emptyWork("generate"), {
    rows: context.data.numDemonstrations * negatives,
    batchSize,
    tokens: generatedTokens(context, maxNewTokens),
  });
}

function rewardWork({ config, data, reward, text }: Context): StepWork {
  const { negatives } = config.generation, { numDemonstrations } = data;
  const updates = numRewardSteps(config.reward, { numDemonstrations, negatives });
  const tokensTrained = updates * 2 * config.reward.batchSize * text;
  const frozen = config.reward.kind === "residual" ? tokensTrained : 0;
  const tokensScored = frozen + Math.min(MEASURED_TEXTS, 5 * numDemonstrations) * text;
  return {
    ...emptyWork("reward"),
    updates,
    tokensTrained,
    tokensScored,
    operations: tokensTrained * trainingOperations(reward, text, recomputing(config.reward)) +
      tokensScored * forwardOperations(reward, text),
  };
}

function policyWork(context: Context): StepWork {
  const { config: { policy: settings }, policy, reward, prompt } = context;
  const { optimiser, epochs, steps, promptsPerStep, samplesPerPrompt, maxNewTokens, ppo } = settings;
  const isPpo = optimiser === "ppo", isBest = optimiser === "best-of-n" || optimiser === "raft";
  const sampling = isBest ? Math.ceil(steps / epochs) : steps;
  const rollouts = sampling * promptsPerStep * samplesPerPrompt;
  const tokens = generatedTokens(context, maxNewTokens), text = prompt + tokens;
  const trainedTexts = isBest ? steps * promptsPerStep : (isPpo ? epochs : 1) * rollouts;
  // PPO trains and scores a value network beside the policy, and scores with the policy once more.
  const each = (model: ModelShape) => trainingOperations(model, text, recomputing(settings));
  const training = each(policy) + (isPpo ? each(reward) : 0);
  const scoring = (isPpo ? 2 : 1) * (forwardOperations(policy, text) + forwardOperations(reward, text));
  const work: StepWork = {
    ...emptyWork("policy"),
    updates: isPpo ? steps * epochs * ppo.minibatches : steps,
    tokensTrained: trainedTexts * text,
    tokensScored: rollouts * text,
    operations: trainedTexts * text * training + rollouts * text * scoring,
  };
  const batchSize = settings.rolloutBatchSize ?? promptsPerStep * samplesPerPrompt;
  return drawn(context, work, { rows: rollouts, batchSize, tokens });
}

function evaluateWork(context: Context): StepWork {
  const { config: { evaluation }, data, policy, reward, text } = context;
  const { samplesPerPrompt, maxNewTokens, batchSize } = evaluation;
  const rows = data.numEvaluationPrompts * (2 * samplesPerPrompt + 1);
  // Texts of the policy and, for pairs, of SFT; demonstrations and samples under policy, reference and reward.
  const tokensScored = data.numEvaluationPrompts * (2 + 2 * samplesPerPrompt) * text;
  const work: StepWork = {
    ...emptyWork("evaluate"),
    tokensScored,
    operations: tokensScored * (forwardOperations(policy, text) + forwardOperations(reward, text)),
  };
  return drawn(context, work, {
    rows: rows + data.numEvaluationPrompts * (DECODINGS - 1),
    batchSize,
    tokens: generatedTokens(context, maxNewTokens),
  });
}

function recomputing({ recomputeLayers }: { recomputeLayers: boolean }): { recompute: boolean } {
  return { recompute: recomputeLayers };
}

/** `work` and the drawing of `tokens` tokens a row. */
function drawn(
  { policy, prompt }: Context,
  work: StepWork,
  { rows, batchSize, tokens }: { rows: number; batchSize: number; tokens: number },
): StepWork {
  const batches = Math.ceil(rows / batchSize), seen = prompt + tokens / 2;
  return {
    ...work,
    tokensGenerated: rows * tokens,
    operations: work.operations + rows * prompt * forwardOperations(policy, prompt),
    drawingOperations: rows * tokens * forwardOperations(policy, seen),
    drawingBytes: 4 * tokens *
      (batches * numParameters(policy) + cachedNumbers(policy, { rows, time: seen })),
  };
}

function emptyWork(step: PlannedStep): StepWork {
  return {
    step,
    updates: 0,
    tokensTrained: 0,
    tokensScored: 0,
    tokensGenerated: 0,
    operations: 0,
    drawingOperations: 0,
    drawingBytes: 0,
  };
}

function times(work: StepWork, factor: number): StepWork {
  return {
    step: work.step,
    updates: factor * work.updates,
    tokensTrained: factor * work.tokensTrained,
    tokensScored: factor * work.tokensScored,
    tokensGenerated: factor * work.tokensGenerated,
    operations: factor * work.operations,
    drawingOperations: factor * work.drawingOperations,
    drawingBytes: factor * work.drawingBytes,
  };
}
