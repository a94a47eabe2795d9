// What a plan knows of rows that were read: how many there are, and how long they are in the run's own tokens.
import type { RunConfig } from "../../events/mod.ts";
import { loadTokenizer } from "../../src/data/load_tokenizer.ts";
import { encodePrompt } from "../../src/data/tokenizer.ts";
import type { PlanData, TextLengths } from "../../src/irl/plan_data.ts";
import type { LoadedData } from "../load_data.ts";

/** Texts that are counted for the mean, and of the longest ones by characters for the longest. */
const SAMPLE = 1000, LONGEST = 50;

export function loadedPlanData({ model }: RunConfig, loaded: LoadedData): PlanData {
  const { demonstrations, prompts, evaluation } = loaded.rows, words = loadTokenizer(loaded.tokenizer);
  const held = evaluation.flatMap(({ completions }) => completions);
  const everyPrompt = [...prompts, ...evaluation.map(({ prompt }) => prompt)];
  return {
    numDemonstrations: demonstrations.length,
    numPrompts: prompts.length,
    numEvaluationPrompts: evaluation.length,
    prompt: textLengths(everyPrompt, (text) => encodePrompt(words, text).length),
    completion: textLengths(
      [...demonstrations.map(({ completion }) => completion), ...held],
      (text) => words.encode(text).length + 1,
    ),
    vocabularySize: model.vocabularySize ?? loaded.vocabularySize,
    isMeasured: true,
  };
}

function textLengths(texts: readonly string[], numTokens: (text: string) => number): TextLengths {
  const stride = Math.max(1, Math.floor(texts.length / SAMPLE));
  const sampled = texts.filter((_, i) => i % stride === 0).map(numTokens);
  const longest = [...texts].sort((a, b) => b.length - a.length).slice(0, LONGEST).map(numTokens);
  return {
    longest: [...sampled, ...longest].reduce((most, length) => Math.max(most, length), 1),
    mean: sampled.reduce((sum, length) => sum + length, 0) / Math.max(1, sampled.length),
  };
}
