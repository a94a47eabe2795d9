// The reward's unit: the factor on the logits that fits held-out pairs best. Departure from Eq. (11) (README).
// Plain numbers, no tensors: it runs once per iteration on a few hundred differences.

/** Mean of log(1 + exp(−c·d)): the held-out loss of Eq. (11) at scale c, nats per pair. */
export function pairLossAtScale(differences: ArrayLike<number>, scale: number): number {
  let total = 0;
  for (let i = 0; i < differences.length; i++) {
    const margin = scale * differences[i];
    total += margin > 0 ? Math.log1p(Math.exp(-margin)) : Math.log1p(Math.exp(margin)) - margin;
  }
  return total / differences.length;
}

/**
 * The scale c in [least, most] that minimises the held-out loss of Eq. (11) on differences d = r(x,y) − r(x,y′).
 * The loss is convex in c, so bisection on its derivative −Σ d σ(−c d) finds it. c = 1: calibrated; c < 1: overconfident.
 */
export function calibrationScale(
  differences: ArrayLike<number>,
  options: { least: number; most: number } = { least: 0.05, most: 4 },
): number {
  if (differences.length === 0) throw new RangeError("calibrationScale: needs at least one held-out pair");
  const slope = (scale: number) => {
    let total = 0;
    for (let i = 0; i < differences.length; i++) {
      total -= differences[i] / (1 + Math.exp(scale * differences[i]));
    }
    return total;
  };
  let { least, most } = options;
  if (slope(least) >= 0) return least;
  if (slope(most) <= 0) return most;
  for (let round = 0; round < 50; round++) {
    const middle = (least + most) / 2;
    if (slope(middle) < 0) least = middle;
    else most = middle;
  }
  return (least + most) / 2;
}
