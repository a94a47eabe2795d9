// Which attempt of which command a failure is about: the fields that StepFailed, StepTimedOut and StepRetried share.
import type { Command, StepName } from "../events/mod.ts";

const STEP_OF_COMMAND = {
  TuneSupervised: "sft",
  SampleGenerations: "generate",
  LearnReward: "reward",
  OptimisePolicy: "policy",
  EvaluatePolicy: "evaluate",
} as const satisfies Record<Command["type"], StepName>;

export function failurePlace({ type, iteration, shard, chunk, attempt }: Command) {
  return { iteration, step: STEP_OF_COMMAND[type], shard, chunk, attempt };
}
