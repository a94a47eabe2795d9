// Results: what an actor answers to a command: the data of the event it asks the coordinator to record, or the failure.
import { z } from "zod";
import type {
  EvaluatePolicy,
  LearnReward,
  OptimisePolicy,
  SampleGenerations,
  TuneSupervised,
} from "./commands.ts";
import {
  GenerationsSampled,
  PolicyEvaluated,
  PolicyOptimised,
  RewardLearned,
  StepFailed,
  SupervisedTuned,
} from "./run_events.ts";

/** The event that each command's success becomes. */
export const EVENT_OF_COMMAND = {
  TuneSupervised: "SupervisedTuned",
  SampleGenerations: "GenerationsSampled",
  LearnReward: "RewardLearned",
  OptimisePolicy: "PolicyOptimised",
  EvaluatePolicy: "PolicyEvaluated",
} as const;

/** Measurements that differ between equal runs: seconds, memory, process. */
export const ResultMeta = z.record(z.string(), z.union([z.number(), z.string()]));
export type ResultMeta = z.infer<typeof ResultMeta>;

const envelope = { id: z.string(), attempt: z.number().int().positive(), meta: ResultMeta };

export const Result = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("SupervisedTuned"), ...envelope, data: SupervisedTuned }),
  z.strictObject({ type: z.literal("GenerationsSampled"), ...envelope, data: GenerationsSampled }),
  z.strictObject({ type: z.literal("RewardLearned"), ...envelope, data: RewardLearned }),
  z.strictObject({ type: z.literal("PolicyOptimised"), ...envelope, data: PolicyOptimised }),
  z.strictObject({ type: z.literal("PolicyEvaluated"), ...envelope, data: PolicyEvaluated }),
  z.strictObject({ type: z.literal("StepFailed"), ...envelope, data: StepFailed }),
]);
export type Result = z.infer<typeof Result>;

/** Command type → what a step function returns. */
export interface WorkTypes {
  TuneSupervised: { command: TuneSupervised; data: z.infer<typeof SupervisedTuned> };
  SampleGenerations: { command: SampleGenerations; data: z.infer<typeof GenerationsSampled> };
  LearnReward: { command: LearnReward; data: z.infer<typeof RewardLearned> };
  OptimisePolicy: { command: OptimisePolicy; data: z.infer<typeof PolicyOptimised> };
  EvaluatePolicy: { command: EvaluatePolicy; data: z.infer<typeof PolicyEvaluated> };
}
