// Is a policy better than another? Mean difference over prompts that both answered, with a 95 % interval.
// Plain numbers: it is about tables, not tensors.

export interface PairedDifference {
  /** Mean of second − first. */
  mean: number;
  /** 95 % interval of the mean: 1.96 standard errors of the differences. */
  low: number;
  high: number;
  pairs: number;
}

/** Differences of independent pairs (one per prompt and seed). Throws RangeError for fewer than two. */
export function pairedDifference(first: readonly number[], second: readonly number[]): PairedDifference {
  const pairs = first.length;
  if (pairs !== second.length || pairs < 2) {
    throw new RangeError(
      `pairedDifference: wants two lists of equal length >= 2, got ${pairs} and ${second.length}`,
    );
  }
  const differences = second.map((value, i) => value - first[i]);
  const mean = differences.reduce((a, b) => a + b, 0) / pairs;
  const variance = differences.reduce((a, b) => a + (b - mean) ** 2, 0) / (pairs - 1);
  const halfWidth = 1.96 * Math.sqrt(variance / pairs);
  return { mean, low: mean - halfWidth, high: mean + halfWidth, pairs };
}
