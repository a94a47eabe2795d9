// Did a policy step lower what it is to raise? Paper: Eq. (3); the theory wants J(π_{k+1}; r_k) ≥ J(π_k; r_k). Judged by the means that
// the log holds, one a chunk, so only where they fall more steadily than noise does. Left out: best-of-n and raft, which do not ascend
// Eq. (3).
import type { RunProjection } from "./run_projection.ts";

export interface PolicyDecline {
  iteration: number;
  /** β of Eq. (3). */
  klCoefficient: number;
  /** Mean of r − β KL over the first and the last fifth of the step. */
  first: number;
  last: number;
  /** Probability that these values in a random order fall so steadily; a slow drift is steadier than that by itself. */
  chance: number;
}

/** A falling objective that is noise in more than one of a hundred steps is not told. */
const LARGEST_CHANCE = 0.01;
/** More are averaged, neighbours together. */
const MOST_VALUES = 20;
const OPTIMISERS: ReadonlySet<string> = new Set(["rloo", "ppo"]);

/** Of every iteration whose policy step is over. */
export function policyDeclines(run: RunProjection): PolicyDecline[] {
  const { optimiser, klCoefficient } = run.config.policy;
  if (!OPTIMISERS.has(optimiser)) return [];
  const iterations = [...new Set(run.policyCurve.map(({ iteration }) => iteration))];
  return iterations.flatMap((iteration) => {
    if (iteration === run.iteration && run.stage === "optimisingPolicy") return [];
    const points = run.policyCurve.filter((point) => point.iteration === iteration);
    const decline = steadyDecline(points.map(({ reward, kl }) => reward - klCoefficient * kl));
    return decline === undefined ? [] : [{ iteration, klCoefficient, ...decline }];
  });
}

/** One line for people. */
export function declineText({ iteration, klCoefficient, first, last, chance }: PolicyDecline): string {
  return `Iteration ${iteration}: the policy step lowered its own objective, reward - ${klCoefficient} KL, from ${
    first.toFixed(3)
  } in its first fifth to ${
    last.toFixed(3)
  } in its last. Were its chunks in random order, it would fall so steadily in ${
    chance < 0.0001 ? "less than 0.01" : (100 * chance).toFixed(2)
  } % of cases; a smaller policy.learningRate may help`;
}

/** Undefined where the values do not fall, or not more steadily than noise does. Fewer than five never tell. */
export function steadyDecline(
  values: readonly number[],
): Pick<PolicyDecline, "first" | "last" | "chance"> | undefined {
  const means = blockMeans(values, Math.min(values.length, MOST_VALUES));
  const chance = chanceOfFalls(means.length, numFalls(means));
  const fifth = Math.max(1, Math.round(values.length / 5));
  const first = mean(values.slice(0, fifth)), last = mean(values.slice(-fifth));
  return chance <= LARGEST_CHANCE && last < first ? { first, last, chance } : undefined;
}

/** Pairs of which the later value is the smaller one: the statistic of Mann and Kendall's test for a trend. */
function numFalls(values: readonly number[]): number {
  return values.reduce(
    (sum, value, i) => sum + values.slice(i + 1).filter((later) => later < value).length,
    0,
  );
}

/** Probability that n values in a random order have at least so many falling pairs, exactly. */
function chanceOfFalls(n: number, falls: number): number {
  let shares = [1];
  for (let count = 2; count <= n; count++) {
    const known = shares;
    // The newest value falls below 0 … count − 1 of those before it, each equally often.
    shares = Array.from({ length: known.length + count - 1 }, (_, total) => {
      const terms = known.slice(Math.max(0, total - count + 1), total + 1);
      return terms.reduce((sum, share) => sum + share, 0) / count;
    });
  }
  return shares.slice(falls).reduce((sum, share) => sum + share, 0);
}

function blockMeans(values: readonly number[], numBlocks: number): number[] {
  return Array.from({ length: numBlocks }, (_, block) => {
    const [from, to] = [block, block + 1].map((edge) => Math.round(edge * values.length / numBlocks));
    return mean(values.slice(from, to));
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
