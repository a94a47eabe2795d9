// Best-of-N: of N continuations of a prompt the one with the largest reward. Which ones those are, and the policy that they
// are samples of, for problems small enough to enumerate. An optimiser of Eq. (5b) without a KL coefficient: N bounds the KL.

/**
 * Index of the best of each prompt's N rewards, the first of equal ones. Rollouts of one prompt stand together.
 *
 * @param rewards prompts × samplesPerPrompt numbers
 * @returns one index into `rewards` a prompt
 */
export function bestOfEach(rewards: ArrayLike<number>, samplesPerPrompt: number): number[] {
  if (samplesPerPrompt < 1 || rewards.length % samplesPerPrompt !== 0) {
    throw new RangeError(
      `bestOfEach: wants a multiple of samplesPerPrompt >= 1 rewards, got ${rewards.length} for ${samplesPerPrompt}`,
    );
  }
  return Array.from({ length: rewards.length / samplesPerPrompt }, (_, prompt) => {
    const start = prompt * samplesPerPrompt;
    let best = start;
    for (let i = start + 1; i < start + samplesPerPrompt; i++) if (rewards[i] > rewards[best]) best = i;
    return best;
  });
}

/**
 * The policy of the best of N samples of π: π(y) [F(r_y)^N − F(r_y⁻)^N] / π(r = r_y), where F(r) is the probability under π of a
 * reward of at most r and F(r⁻) that of a smaller one.
 *
 * @param policy probabilities of all continuations of one prompt
 * @param rewards of the same continuations
 */
export function bestOfNPolicy(
  policy: readonly number[],
  rewards: readonly number[],
  samplesPerPrompt: number,
): number[] {
  return policy.map((share, y) => {
    const probability = (counts: (reward: number) => boolean) =>
      policy.reduce((sum, other, z) => counts(rewards[z]) ? sum + other : sum, 0);
    const below = probability((reward) => reward < rewards[y]), equal = probability((r) => r === rewards[y]);
    return equal === 0
      ? 0
      : share * ((below + equal) ** samplesPerPrompt - below ** samplesPerPrompt) / equal;
  });
}

/** log N − (N − 1)/N: the KL of the best of N samples to the policy they come from is at most that, whatever the reward. Nats. */
export function bestOfNDivergenceBound(samplesPerPrompt: number): number {
  return Math.log(samplesPerPrompt) - (samplesPerPrompt - 1) / samplesPerPrompt;
}
