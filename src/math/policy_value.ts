// What a policy is worth under a reward with KL to a reference, exactly. Paper: Eq. (3), and Eq. (5b) with β = 1.
// For problems small enough to enumerate, on plain numbers; training estimates the same from rollouts (policy_objective.ts).

/**
 * Eq. (3) for one prompt: E_{y∼π}[r(x,y)] − β KL(π(·|x) ‖ π_ref(·|x)). Eq. (5b) is this with β = 1.
 * J(π*) − J(π) = β KL(π ‖ π*), with π* of Eq. (9).
 *
 * @param policy π(y|x) of every continuation; sums to one
 * @param rewards r(x, y)
 * @returns in the reward's unit
 */
export function policyValue(
  policy: readonly number[],
  rewards: readonly number[],
  { referencePolicy, klCoefficient = 1 }: { referencePolicy: readonly number[]; klCoefficient?: number },
): number {
  const reward = policy.reduce((sum, share, i) => sum + share * rewards[i], 0);
  return reward - klCoefficient * klDivergence(policy, referencePolicy);
}

/** KL(p ‖ q) = Σ_y p(y) log p(y)/q(y), nats, ≥ 0; a continuation that p never says adds nothing. */
export function klDivergence(p: readonly number[], q: readonly number[]): number {
  return p.reduce((sum, share, i) => share === 0 ? sum : sum + share * Math.log(share / q[i]), 0);
}
