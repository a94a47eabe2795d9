// What a reward is worth: margin on held-out prompts, accuracy on gold pairs and on labelled preferences. Evaluator only.
// Accuracy at telling demonstrations from generations saturates and proves little; that is why gold and labels stand here.
import type { PreferenceAccuracy } from "../../events/mod.ts";

import type { GoldMeasure } from "../data/gold.ts";
import type { EvaluationPrompt, PreferencePair } from "../data/rows.ts";
import { numSlotErrors } from "../data/slot_errors.ts";
import { encodePrompt, type Tokenizer } from "../data/tokenizer.ts";
import type { TokenSequence } from "../model/token_sequence.ts";
import { type Scorer, scoreSequences } from "./learn_reward.ts";

/**
 * Mean reward of held-out demonstrations minus that of the policy's samples at T = 1, in the reward's unit. Of each prompt the
 * first demonstration without an unknown word: no sample can hold one.
 */
export async function rewardMargin(
  scorer: Scorer,
  { evaluation, sampled, tokenizer }: {
    evaluation: EvaluationPrompt[];
    sampled: { prompt: string; tokens: number[] }[];
    tokenizer: Tokenizer;
  },
): Promise<number> {
  const demonstrations = evaluation.flatMap(({ prompt, completions }) =>
    completions.map((text): TokenSequence => ({
      prompt: encodePrompt(tokenizer, prompt),
      continuation: [...tokenizer.encode(text), tokenizer.eosId],
    })).filter(({ continuation }) => !continuation.some((id) => id === tokenizer.unkId)).slice(0, 1)
  );
  const samples = sampled.map(({ prompt, tokens }) => ({
    prompt: encodePrompt(tokenizer, prompt),
    continuation: tokens,
  }));
  return mean(await scoreSequences(demonstrations, scorer)) - mean(await scoreSequences(samples, scorer));
}

/** Share of SFT's own sample pairs with different gold errors in which the text with fewer errors scores strictly higher. */
export async function goldPairAccuracy(
  scorer: Scorer,
  { pairs, gold, tokenizer }: {
    pairs: { prompt: string; texts: number[][] }[];
    gold: GoldMeasure;
    tokenizer: Tokenizer;
  },
): Promise<{ accuracy: number; pairs: number }> {
  const better: TokenSequence[] = [], worse: TokenSequence[] = [];
  for (const { prompt, texts } of pairs) {
    const [first, second] = texts.map((tokens) => ({
      sequence: { prompt: encodePrompt(tokenizer, prompt), continuation: tokens },
      errors: numSlotErrors(gold.check(prompt, tokenizer.decode(tokens))),
    }));
    if (first.errors === second.errors) continue;
    better.push((first.errors < second.errors ? first : second).sequence);
    worse.push((first.errors < second.errors ? second : first).sequence);
  }
  const right = await strictlyHigher(scorer, better, worse);
  return { accuracy: share(right), pairs: right.length };
}

/** Accuracy on labelled pairs, overall and by subset, beside the share in which the longer text is the chosen one. */
export async function preferenceAccuracy(
  scorer: Scorer,
  pairs: readonly PreferencePair[],
  tokenizer: Tokenizer,
): Promise<PreferenceAccuracy> {
  const sequences = (pick: (pair: PreferencePair) => string) =>
    pairs.map((pair): TokenSequence => ({
      prompt: encodePrompt(tokenizer, pair.prompt),
      continuation: [...tokenizer.encode(pick(pair)), tokenizer.eosId],
    }));
  const right = await strictlyHigher(
    scorer,
    sequences((pair) => pair.chosen),
    sequences((pair) => pair.rejected),
  );
  const longer = pairs.map(({ chosen, rejected }) =>
    chosen.length === rejected.length ? 0.5 : Number(chosen.length > rejected.length)
  );
  const bySubset: Record<string, { accuracy: number; longerWins: number; pairs: number }> = {};
  for (const subset of largestSubsets(pairs)) {
    const rows = pairs.flatMap((pair, i) => (pair.subset ?? "all") === subset ? [i] : []);
    bySubset[subset] = {
      accuracy: share(rows.map((i) => right[i])),
      longerWins: mean(rows.map((i) => longer[i])),
      pairs: rows.length,
    };
  }
  return { all: share(right), longerWins: mean(longer), bySubset };
}

/** Subsets that are reported by name, the largest first: an event stays small. */
const REPORTED_SUBSETS = 100;

function largestSubsets(pairs: readonly PreferencePair[]): string[] {
  const sizes = new Map<string, number>();
  for (const { subset = "all" } of pairs) sizes.set(subset, (sizes.get(subset) ?? 0) + 1);
  return [...sizes].sort(([, a], [, b]) => b - a).slice(0, REPORTED_SUBSETS).map(([subset]) => subset);
}

async function strictlyHigher(
  scorer: Scorer,
  better: TokenSequence[],
  worse: TokenSequence[],
): Promise<boolean[]> {
  const high = await scoreSequences(better, scorer), low = await scoreSequences(worse, scorer);
  return Array.from(high, (value, i) => value > low[i]);
}

function share(values: readonly boolean[]): number {
  return values.length === 0 ? 0 : values.filter((value) => value).length / values.length;
}

function mean(values: ArrayLike<number>): number {
  return values.length === 0 ? 0 : Array.from(values).reduce((a, b) => a + b, 0) / values.length;
}
