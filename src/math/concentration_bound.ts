// How far the finite-sample objective can be from the population's. Paper: Lemma 4.1, Eq. (8), restated as Eq. (13).

export interface ConcentrationAssumptions {
  /** C_r: 0 ≤ r ≤ C_r (Assumption 4.1). */
  rewardBound: number;
  /** C_p: C_p ≤ log π_ref < 0 (Assumption 4.1). */
  logReferenceBound: number;
  /** δ: the bound holds with probability at least 1 − δ. */
  failureProbability: number;
}

/**
 * Eq. (8), Eq. (13): |L(θ) − L̂(θ; D)| ≤ (C_r − C_p) √(ln(2/δ) / (2|D|)) with probability at least 1 − δ, for θ and π_ref
 * that were fixed before D was drawn (Hoeffding: r + log π_ref lies in an interval of length C_r − C_p).
 */
export function concentrationBound(
  numDemonstrations: number,
  { rewardBound, logReferenceBound, failureProbability }: ConcentrationAssumptions,
): number {
  return (rewardBound - logReferenceBound) *
    Math.sqrt(Math.log(2 / failureProbability) / (2 * numDemonstrations));
}
