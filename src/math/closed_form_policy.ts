// The optimal policy of a reward in closed form. Paper: Eq. (9), restated as Eqs. (12) and (14) in its proofs.
// For problems small enough to enumerate, on plain numbers: what policy optimisation should converge to.

/**
 * Eq. (9), Eq. (12), Eq. (14): π*(y|x) = π_ref(y|x) exp(r(x,y)/β) / Σ_ỹ π_ref(ỹ|x) exp(r(x,ỹ)/β), for one prompt.
 * The paper has β = 1. It maximises Eq. (3): the value there is β log Z, and every other policy has less.
 *
 * @param referencePolicy π_ref(y|x) of every continuation; sums to one
 * @param rewards r(x, y) of the same continuations
 * @returns π*(y|x); unchanged by r + c(x)
 */
export function closedFormPolicy(
  referencePolicy: readonly number[],
  rewards: readonly number[],
  { klCoefficient = 1 }: { klCoefficient?: number } = {},
): number[] {
  const logZ = logPartition(referencePolicy, rewards, { klCoefficient });
  return referencePolicy.map((share, i) => share * Math.exp(rewards[i] / klCoefficient - logZ));
}

/** log Z(x) = log Σ_y π_ref(y|x) exp(r(x,y)/β), the normaliser of Eq. (9). The largest reward is taken out before exp. */
export function logPartition(
  referencePolicy: readonly number[],
  rewards: readonly number[],
  { klCoefficient = 1 }: { klCoefficient?: number } = {},
): number {
  if (referencePolicy.length !== rewards.length) {
    throw new RangeError(
      `logPartition: wants a reward for each of ${referencePolicy.length} continuations, got ${rewards.length}`,
    );
  }
  const highest = Math.max(...rewards) / klCoefficient;
  const total = referencePolicy.reduce(
    (sum, share, i) => sum + share * Math.exp(rewards[i] / klCoefficient - highest),
    0,
  );
  return highest + Math.log(total);
}
