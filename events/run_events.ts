// Events: what happened in a run, past tense, never edited. A changed meaning is a new `v`, an upcaster and a golden log.
// Data holds only what is equal in equal runs: no time, no host, no run name, no attempt (those are `meta` or failures).
import { z } from "zod";
import { ArtifactDigest, RandomKey } from "./commands.ts";
import { RunConfig } from "./run_config.ts";

const v1 = { v: z.literal(1) };
const iteration = z.number().int().nonnegative();
const counter = z.number().int().nonnegative();
const step = z.enum(["sft", "generate", "reward", "policy", "evaluate"]);
export type StepName = z.infer<typeof step>;

export const TierRecord = z.strictObject({
  name: z.enum(["native", "webgpu", "wasm", "cpu"]),
  /** Kernel variant, for example "eager" or "simd128". */
  variant: z.string(),
  threads: z.number().int().positive(),
  /** For example "tensorflow 2.21.0". */
  engine: z.string(),
});
export type TierRecord = z.infer<typeof TierRecord>;

/** A number of each decoding: T = 1, T = 0.5, greedy. */
const Decodings = z.strictObject({ sampled: z.number(), tempered: z.number(), greedy: z.number() });
export type Decodings = z.infer<typeof Decodings>;

/** One row of the result table, for a policy or for the demonstrations themselves. */
export const Row = z.strictObject({
  slotErrorRate: Decodings.optional(),
  exactShare: Decodings.optional(),
  /** Nats per token of held-out demonstrations. */
  negativeLogLikelihood: z.number(),
  /** Tokens, at T = 1. */
  meanLength: z.number(),
  distinct2: z.number(),
  /** Nats per sequence, on samples at T = 1. */
  klToSft: z.number().optional(),
});
export type Row = z.infer<typeof Row>;

const Accuracy = z.strictObject({ accuracy: z.number(), pairs: counter });
export const PreferenceAccuracy = z.strictObject({
  all: z.number(),
  longerWins: z.number(),
  bySubset: z.record(
    z.string(),
    z.strictObject({ accuracy: z.number(), longerWins: z.number(), pairs: counter }),
  ),
});

export type PreferenceAccuracy = z.infer<typeof PreferenceAccuracy>;

export const RewardRow = z.strictObject({
  heldOutPairAccuracy: z.number(),
  goldPairAccuracy: z.number().optional(),
  preferenceAccuracy: PreferenceAccuracy.optional(),
  /** Factor on the logits that minimises the held-out pair loss. */
  calibration: z.number(),
  /** Mean reward of held-out demonstrations minus that of the policy's samples, in the reward's unit. */
  margin: z.number(),
});
export type RewardRow = z.infer<typeof RewardRow>;

/** Three prompts with the texts of SFT and of now. */
const SampleText = z.strictObject({ prompt: z.string(), sft: z.string(), policy: z.string() });
export type SampleText = z.infer<typeof SampleText>;

const chunkOfSteps = {
  iteration,
  chunk: counter,
  fromStep: counter,
  toStep: z.number().int().positive(),
  numSteps: z.number().int().positive(),
  key: RandomKey,
  /** Parameters, optimiser and cursor after `toStep`. */
  state: ArtifactDigest,
  tokensTrained: counter,
};

/** Only a step's last chunk names what the step made. */
function isProductInPlace(
  { toStep, numSteps }: { toStep: number; numSteps: number },
  product: unknown,
): boolean {
  return (toStep === numSteps) === (product !== null);
}
const misplacedProduct = "must be set with the last chunk, and only then";

export const RunStarted = z.strictObject({
  ...v1,
  config: RunConfig,
  key: RandomKey,
  tier: TierRecord,
  /** Version of this software. */
  software: z.string(),
});

export const DemonstrationsLoaded = z.strictObject({
  ...v1,
  /** sha256 of every file that was read, by role. */
  sources: z.record(z.string(), z.string()),
  /** What preparation did: rows read, dropped by reason, drawn. */
  counts: z.record(z.string(), z.number()),
  demonstrations: ArtifactDigest,
  prompts: ArtifactDigest,
  evaluation: ArtifactDigest,
  preferences: ArtifactDigest.nullable(),
  tokenizer: ArtifactDigest,
  /** model.safetensors of the folder that the run starts from (config.model.start); null where it starts fresh. */
  base: ArtifactDigest.nullable(),
  numDemonstrations: z.number().int().positive(),
  numPrompts: z.number().int().positive(),
  numEvaluationPrompts: z.number().int().positive(),
  vocabularySize: z.number().int().positive(),
  /** Gold measure and version of its checker, where the task has one. */
  gold: z.strictObject({ name: z.enum(["made-up", "e2e"]), version: z.string() }).nullable(),
});

export const SupervisedTuned = z.strictObject({
  ...v1,
  ...chunkOfSteps,
  /** Mean training loss of the chunk, nats per token (Eq. 1). */
  loss: z.number(),
  /** model.safetensors of the SFT policy; null before the last chunk. */
  policy: ArtifactDigest.nullable(),
}).refine((data) => isProductInPlace(data, data.policy), { path: ["policy"], error: misplacedProduct });

export const GenerationsSampled = z.strictObject({
  ...v1,
  iteration,
  shard: counter,
  key: RandomKey,
  generations: ArtifactDigest,
  numGenerations: z.number().int().positive(),
  tokensGenerated: counter,
  /** Share that ended with EOS. */
  finishedShare: z.number(),
});

export const RewardLearned = z.strictObject({
  ...v1,
  ...chunkOfSteps,
  /** Mean training loss of the chunk (Eq. 11), in nats per pair. */
  loss: z.number(),
  /** Set with the last chunk. `raw` is the network that the next iteration starts from; `reward` is its normalised form. */
  result: z.strictObject({
    raw: ArtifactDigest,
    reward: ArtifactDigest,
    heldOutPairAccuracy: z.number(),
    heldOutLoss: z.number(),
    calibration: z.number(),
    /** Mean raw score of the demonstrations, which the normalised form subtracts. */
    shift: z.number(),
    numPairs: z.number().int().positive(),
  }).nullable(),
}).refine((data) => isProductInPlace(data, data.result), { path: ["result"], error: misplacedProduct });

export const PolicyOptimised = z.strictObject({
  ...v1,
  ...chunkOfSteps,
  tokensGenerated: counter,
  /** Means over the chunk: reward of rollouts (calibrated unit), sequence KL to the reference (nats), Eq. 3's value. */
  reward: z.number(),
  kl: z.number(),
  objective: z.number(),
  policy: ArtifactDigest.nullable(),
}).refine((data) => isProductInPlace(data, data.policy), { path: ["policy"], error: misplacedProduct });

export const PolicyEvaluated = z.strictObject({
  ...v1,
  iteration,
  key: RandomKey,
  policy: Row,
  /** The demonstrations' own row; in iteration 0 only. */
  demonstrations: Row.nullable(),
  reward: z.strictObject({
    goldPair: Accuracy.optional(),
    preferences: PreferenceAccuracy.optional(),
    margin: z.number(),
  }).nullable(),
  samples: z.array(SampleText),
  /** All texts with their gold errors, decoding by decoding. */
  texts: ArtifactDigest,
  tokensGenerated: counter,
});

export const IterationCompleted = z.strictObject({
  ...v1,
  iteration,
  policy: ArtifactDigest,
  reward: ArtifactDigest.nullable(),
});

export const RunCompleted = z.strictObject({
  ...v1,
  iterations: counter,
  policy: ArtifactDigest,
  reward: ArtifactDigest.nullable(),
});

/** Which command a failure is about. */
const failed = { iteration, step, shard: counter, chunk: counter, attempt: z.number().int().positive() };

export const StepFailed = z.strictObject({
  ...v1,
  ...failed,
  reason: z.enum(["error", "refused-input", "non-finite", "actor-exited", "artifact-damaged"]),
  message: z.string().max(2000),
});
export const StepTimedOut = z.strictObject({ ...v1, ...failed, stallMs: z.number().int().positive() });
export const StepRetried = z.strictObject({ ...v1, ...failed });
export const RunPaused = z.strictObject({ ...v1, reason: z.enum(["interrupted", "terminated"]) });
export const RunResumed = z.strictObject({ ...v1, software: z.string() });
export const RunFailed = z.strictObject({ ...v1, step: step.nullable(), message: z.string().max(2000) });

/** Every event type with its schema: the registry that emitters, consumers and golden lines are tested against. */
export const RUN_EVENTS = {
  RunStarted,
  DemonstrationsLoaded,
  SupervisedTuned,
  GenerationsSampled,
  RewardLearned,
  PolicyOptimised,
  PolicyEvaluated,
  IterationCompleted,
  RunCompleted,
  StepFailed,
  StepTimedOut,
  StepRetried,
  RunPaused,
  RunResumed,
  RunFailed,
} as const;

function typed<Name extends keyof typeof RUN_EVENTS>(name: Name) {
  return z.strictObject({ type: z.literal(name), id: z.string(), data: RUN_EVENTS[name] });
}

export const RunEvent = z.discriminatedUnion("type", [
  typed("RunStarted"),
  typed("DemonstrationsLoaded"),
  typed("SupervisedTuned"),
  typed("GenerationsSampled"),
  typed("RewardLearned"),
  typed("PolicyOptimised"),
  typed("PolicyEvaluated"),
  typed("IterationCompleted"),
  typed("RunCompleted"),
  typed("StepFailed"),
  typed("StepTimedOut"),
  typed("StepRetried"),
  typed("RunPaused"),
  typed("RunResumed"),
  typed("RunFailed"),
]);
export type RunEvent = z.infer<typeof RunEvent>;
export type EventType = RunEvent["type"];
export type EventData<Type extends EventType> = Extract<RunEvent, { type: Type }>["data"];
