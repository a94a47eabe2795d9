// The finite-sample objective of inverse reinforcement learning from demonstrations. Paper: Eq. (6), and Eq. (15) for its
// value at the optimal policy. For problems small enough to enumerate, on plain numbers. β silently is 1, as in the paper.
import { logPartition } from "./closed_form_policy.ts";
import { policyValue } from "./policy_value.ts";

/** One prompt x of an enumerable problem; lists hold one entry per continuation. */
export interface EnumeratedPrompt {
  /** μ(x); sums to one over prompts. */
  promptShare: number;
  /** Share of D that is (x, y); sums to one over prompts and continuations. */
  demonstrationShares: readonly number[];
  /** π_ref(y|x) */
  referencePolicy: readonly number[];
  /** r(x, y; θ) */
  rewards: readonly number[];
}

/**
 * Eq. (6): L̂(θ; D) = E_D[r + log π_ref] − E_{x∼μ, y∼π}[r − KL(π ‖ π_ref)], to be maximised over θ with π = π*_θ.
 *
 * @param policies π(·|x) of each prompt
 */
export function surrogateObjective(
  prompts: readonly EnumeratedPrompt[],
  policies: readonly (readonly number[])[],
): number {
  return demonstrationTerm(prompts) -
    sum(
      prompts.map(({ promptShare, referencePolicy, rewards }, i) =>
        promptShare * policyValue(policies[i], rewards, { referencePolicy })
      ),
    );
}

/** Eq. (15): L̂(θ; D) = E_D[r + log π_ref] − E_{x∼μ}[log Σ_y π_ref(y|x) exp(r(x,y))], which is Eq. (6) at π = π*_θ. */
export function surrogateAtOptimum(prompts: readonly EnumeratedPrompt[]): number {
  return demonstrationTerm(prompts) -
    sum(
      prompts.map(({ promptShare, referencePolicy, rewards }) =>
        promptShare * logPartition(referencePolicy, rewards)
      ),
    );
}

/** E_D[r(x,y) + log π_ref(y|x)] */
function demonstrationTerm(prompts: readonly EnumeratedPrompt[]): number {
  return sum(
    prompts.flatMap(({ demonstrationShares, referencePolicy, rewards }) =>
      demonstrationShares.map((share, y) =>
        share === 0 ? 0 : share * (rewards[y] + Math.log(referencePolicy[y]))
      )
    ),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
