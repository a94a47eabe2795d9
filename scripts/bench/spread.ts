// Minimum, median and maximum of a few measurements.

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** The median of an even number is the mean of the two in the middle. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError("spread: there is no value");
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length / 2;
  const median = sorted.length % 2 === 1 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}
