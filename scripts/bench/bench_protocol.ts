// What the benchmark and its two sides say to each other: one JSON object a line. The peer's Python speaks the same
// (peer.py), so names here are names there.
import { z } from "zod";

const count = z.number().int().positive();

/** Size of a GPT-NeoX model with untied embeddings, as Pythia has them. */
export const BenchModel = z.strictObject({
  layers: count,
  hidden: count,
  heads: count,
  vocabulary: count,
  /** Context length. */
  positions: count,
});
export type BenchModel = z.infer<typeof BenchModel>;

const sampling = {
  model: BenchModel,
  prompts: count,
  samplesPerPrompt: count,
  promptTokens: count,
  newTokens: count,
};

/** What is done once a call; everything random in it follows from these numbers. */
export const WorkSpec = z.discriminatedUnion("kind", [
  /** One AdamW step of supervised training on `batch` sequences. */
  z.strictObject({ kind: z.literal("training"), model: BenchModel, batch: count, time: count }),
  /** Sampled continuations with the log-probabilities of their tokens. */
  z.strictObject({
    kind: z.literal("rollout"),
    ...sampling,
    topK: count.optional(),
    topP: z.number().min(0).max(1).optional(),
  }),
  /** Rollouts, their rewards and reference log-probabilities, one policy step. */
  z.strictObject({ kind: z.literal("inner-loop"), ...sampling }),
  /** Rewards of whole sequences. */
  z.strictObject({ kind: z.literal("scoring"), model: BenchModel, sequences: count, time: count }),
  /** One iteration of the preset `demo` from a policy that was tuned for `supervisedEpochs` epochs. */
  z.strictObject({
    kind: z.literal("demo"),
    demonstrations: count,
    evaluationPrompts: count,
    supervisedEpochs: count,
    policySteps: count,
  }),
]);
export type WorkSpec = z.infer<typeof WorkSpec>;
export type SpecOf<Kind extends WorkSpec["kind"]> = Extract<WorkSpec, { kind: Kind }>;

/** Where ours computes; as `openTier` takes it. */
export const SideTier = z.strictObject({
  name: z.enum(["native", "webgpu", "wasm", "cpu"]),
  threads: count,
  libraryDirectory: z.string().optional(),
  tf32: z.boolean().optional(),
});
export type SideTier = z.infer<typeof SideTier>;

export const ToSide = z.discriminatedUnion("type", [
  /** Loads what the work needs, from files of `folder` where it has any, and runs it until it is warm. */
  z.strictObject({
    type: z.literal("prepare"),
    spec: WorkSpec,
    folder: z.string(),
    threads: count,
    /** Where the peer computes: where ours does. */
    device: z.enum(["cpu", "gpu"]),
    /** Where ours computes. */
    tier: SideTier.optional(),
  }),
  /** Does the work `repeats` times. */
  z.strictObject({ type: z.literal("run"), variant: z.string(), repeats: count }),
]);
export type ToSide = z.infer<typeof ToSide>;

export const FromSide = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("ready"),
    /** Software and its version. */
    engine: z.string(),
    /** Ways in which this side can do the work. */
    variants: z.array(z.string()).min(1),
    /** Numbers that both sides must agree on, or it was not the same work. */
    checks: z.record(z.string(), z.number()),
  }),
  z.strictObject({
    type: z.literal("ran"),
    /** All repeats together. */
    seconds: z.number().positive(),
    /** What one call did, for people: e.g. tokens generated. */
    counts: z.record(z.string(), z.number()).default({}),
  }),
  z.strictObject({ type: z.literal("failed"), message: z.string() }),
]);
export type FromSide = z.infer<typeof FromSide>;
