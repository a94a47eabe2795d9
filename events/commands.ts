// Commands: what the coordinator asks an actor to do. Imperative names; each carries everything the work needs:
// artifact digests, the slice of the configuration, the random key. A command is a pure function of the event log.
import { z } from "zod";
import {
  EvaluationConfig,
  GenerationConfig,
  LoraConfig,
  ModelConfig,
  PolicyConfig,
  RewardConfig,
  SupervisedConfig,
} from "./run_config.ts";

export const ROLES = ["generator", "reward-learner", "policy-optimizer", "evaluator"] as const;
export const Role = z.enum(ROLES);
export type Role = z.infer<typeof Role>;

export const RunName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/);
export const ArtifactDigest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
export const RandomKey = z.string().regex(/^[0-9a-f]{16}$/);

const place = {
  v: z.literal(1),
  /** `<run>/<iteration>/<step>/<shard>/<chunk>`, equal for every attempt. */
  id: z.string(),
  run: RunName,
  iteration: z.number().int().nonnegative(),
  shard: z.number().int().nonnegative(),
  chunk: z.number().int().nonnegative(),
  /** From 1; enters no random key and no result. */
  attempt: z.number().int().positive(),
  key: RandomKey,
  tokenizer: ArtifactDigest,
};

/** Steps [fromStep, toStep) of numSteps, from a saved state (null: start afresh). */
const chunkOfSteps = {
  state: ArtifactDigest.nullable(),
  fromStep: z.number().int().nonnegative(),
  toStep: z.number().int().positive(),
  numSteps: z.number().int().positive(),
};

/** What is trained of the network; null is all of it, as in runs that were recorded before there were adapters. */
const adapters = { lora: LoraConfig.nullable().default(null) };

export const TuneSupervised = z.strictObject({
  type: z.literal("TuneSupervised"),
  role: z.literal("policy-optimizer"),
  ...place,
  ...chunkOfSteps,
  demonstrations: ArtifactDigest,
  model: ModelConfig,
  /** model.safetensors that the first chunk starts from; null draws fresh parameters. */
  base: ArtifactDigest.nullable(),
  settings: SupervisedConfig,
  ...adapters,
});

export const SampleGenerations = z.strictObject({
  type: z.literal("SampleGenerations"),
  role: z.literal("generator"),
  ...place,
  numShards: z.number().int().positive(),
  policy: ArtifactDigest,
  demonstrations: ArtifactDigest,
  settings: GenerationConfig,
});

export const LearnReward = z.strictObject({
  type: z.literal("LearnReward"),
  role: z.literal("reward-learner"),
  ...place,
  ...chunkOfSteps,
  demonstrations: ArtifactDigest,
  /** One artifact per shard, in the order of shards. */
  generations: z.array(ArtifactDigest).min(1),
  /** The policy whose body the first reward network starts from (SFT). */
  policy: ArtifactDigest,
  /** The frozen raw network of the iteration before, R_{k-1}; null in iteration 1. */
  previousReward: ArtifactDigest.nullable(),
  settings: RewardConfig,
  ...adapters,
});

export const OptimisePolicy = z.strictObject({
  type: z.literal("OptimisePolicy"),
  role: z.literal("policy-optimizer"),
  ...place,
  ...chunkOfSteps,
  /** Policy that the iteration starts from. */
  policy: ArtifactDigest,
  reference: ArtifactDigest,
  reward: ArtifactDigest,
  prompts: ArtifactDigest,
  settings: PolicyConfig,
  ...adapters,
});

export const EvaluatePolicy = z.strictObject({
  type: z.literal("EvaluatePolicy"),
  role: z.literal("evaluator"),
  ...place,
  policy: ArtifactDigest,
  /** The SFT policy: KL and gold pairs are measured against it. */
  reference: ArtifactDigest,
  reward: ArtifactDigest.nullable(),
  evaluation: ArtifactDigest,
  /** Labelled pairs; read by the Evaluator only. */
  preferences: ArtifactDigest.nullable(),
  /** Which gold measure; read by the Evaluator only. */
  gold: z.enum(["made-up", "e2e"]).nullable(),
  settings: EvaluationConfig,
});

export const Command = z.discriminatedUnion("type", [
  TuneSupervised,
  SampleGenerations,
  LearnReward,
  OptimisePolicy,
  EvaluatePolicy,
]);
export type TuneSupervised = z.infer<typeof TuneSupervised>;
export type SampleGenerations = z.infer<typeof SampleGenerations>;
export type LearnReward = z.infer<typeof LearnReward>;
export type OptimisePolicy = z.infer<typeof OptimisePolicy>;
export type EvaluatePolicy = z.infer<typeof EvaluatePolicy>;
export type Command = z.infer<typeof Command>;
