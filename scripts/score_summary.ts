// The summary that `deno task score` prints for people: means, and for labelled pairs the accuracy beside longer-wins.
import type { PreferencePair } from "../src/data/rows.ts";
import type { TextScore } from "./score.ts";

interface LabelledPairs {
  pairs: readonly PreferencePair[];
  /** One for each pair. */
  correct: readonly boolean[];
}

/** Lines of text. `scores` holds one entry per text: two per pair. */
export function scoreSummary(scores: readonly TextScore[], labelled?: LabelledPairs): string[] {
  const tokens = sum(scores.map(({ numTokens }) => numTokens));
  const likelihoods = scores.flatMap(({ logLikelihood }) => logLikelihood ?? []);
  const rewards = scores.flatMap(({ reward }) => reward ?? []);
  return [
    `${scores.length} texts, ${tokens} tokens`,
    ...(likelihoods.length > 0
      ? [`log-likelihood ${(sum(likelihoods) / tokens).toFixed(4)} nats per token`]
      : []),
    ...(rewards.length > 0 ? [`mean reward ${(sum(rewards) / rewards.length).toFixed(4)}`] : []),
    ...(labelled === undefined
      ? []
      : accuracyLines(labelled, rewards.length > 0 ? "reward" : "log-likelihood")),
  ];
}

/** Accuracy by subset; equally long texts count one half for longer-wins. */
function accuracyLines({ pairs, correct }: LabelledPairs, by: string): string[] {
  const line = (name: string, rows: readonly number[]) => {
    const accuracy = sum(rows.map((i) => Number(correct[i]))) / rows.length;
    const longer = sum(rows.map((i) => longerWins(pairs[i]))) / rows.length;
    return `${name}: accuracy ${accuracy.toFixed(3)}, longer wins ${
      longer.toFixed(3)
    } (${rows.length} pairs)`;
  };
  const all = pairs.map((_, i) => i);
  const subsets = [...new Set(pairs.flatMap(({ subset }) => subset ?? []))].sort();
  return [
    line(`all, by ${by}`, all),
    ...subsets.map((subset) => line(subset, all.filter((i) => pairs[i].subset === subset))),
  ];
}

function longerWins({ chosen, rejected }: PreferencePair): number {
  return chosen.length === rejected.length ? 0.5 : Number(chosen.length > rejected.length);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
