// What a plan knows of a run's data: how many rows there are and how long they are, measured or bounded by the configuration.
import type { RunConfig } from "../../events/mod.ts";
import { contextLimit } from "../model/model_shape.ts";

/** Tokens of texts: of the longest one, and on average. */
export interface TextLengths {
  longest: number;
  mean: number;
}

export interface PlanData {
  numDemonstrations: number;
  numPrompts: number;
  numEvaluationPrompts: number;
  prompt: TextLengths;
  /** Of demonstrations, with the end token. */
  completion: TextLengths;
  /** Rows of the embedding. */
  vocabularySize: number;
  /** Whether the rows were read; otherwise lengths are what the configuration allows at most. */
  isMeasured: boolean;
}

/** Where no row is read and the configuration takes all there are. */
const UNKNOWN_ROWS = 10_000, UNKNOWN_VOCABULARY = 50_000;

/** What the configuration allows at most, for a run whose data are not at hand. */
export function boundedData({ task, model, policy, generation }: RunConfig): PlanData {
  const context = contextLimit(model);
  const completion = Math.min(Math.max(policy.maxNewTokens, generation.maxNewTokens), context - 1);
  const prompt = Math.min(task.maxPromptTokens ?? Infinity, context - completion);
  const numDemonstrations = task.demonstrations ?? UNKNOWN_ROWS;
  return {
    numDemonstrations,
    numPrompts: numDemonstrations,
    numEvaluationPrompts: task.evaluationPrompts,
    prompt: { longest: prompt, mean: prompt },
    completion: { longest: completion, mean: completion },
    vocabularySize: model.vocabularySize ?? UNKNOWN_VOCABULARY,
    isMeasured: false,
  };
}
