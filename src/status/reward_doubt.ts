// Does a learned reward carry over to demonstrations that it was not trained on? Paper: Eq. (11) puts demonstrations above generations;
// where held-out ones lie below them more often than chance would have it, the reward knows its training rows and little else.
import type { RunProjection } from "./run_projection.ts";

export interface RewardDoubt {
  iteration: number;
  /** Share of held-out pairs in which the demonstration has the higher reward. */
  accuracy: number;
  /** Held-out demonstrations, of which each has several pairs. */
  numDemonstrations: number;
}

/** Standard deviations below one half, which a reward that knows nothing passes in one of a hundred iterations. */
const DEVIATIONS = 2.33;

/** Of every iteration whose reward is learned. */
export function rewardDoubts({ config, loaded, iterations }: RunProjection): RewardDoubt[] {
  // Pairs of one demonstration are not independent of each other: they count as one.
  const numDemonstrations = Math.floor((loaded?.numDemonstrations ?? 0) / config.reward.heldOutEvery);
  const least = 0.5 - DEVIATIONS * 0.5 / Math.sqrt(Math.max(1, numDemonstrations));
  return iterations.flatMap(({ iteration, reward }) => {
    if (reward === undefined || reward.heldOutPairAccuracy >= least) return [];
    return [{ iteration, accuracy: reward.heldOutPairAccuracy, numDemonstrations }];
  });
}

/** One line for people. */
export function doubtText({ iteration, accuracy, numDemonstrations }: RewardDoubt): string {
  return `Iteration ${iteration}: the reward puts held-out demonstrations below generations in ${
    (100 * (1 - accuracy)).toFixed(0)
  } % of pairs (${numDemonstrations} demonstrations): what it learned does not carry over to texts it was not trained on. ` +
    `More demonstrations may help, or a policy that is fitted to them less (supervised.epochs)`;
}
