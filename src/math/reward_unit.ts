// The unit that a learned reward is handed to the policy in: reward ↦ scale · (reward − shift). Plain numbers.
// Departure from the paper's TL;DR recipe (mean only) where the unit is "calibrated" (README).

export type RewardUnit = "calibrated" | "mean-and-std" | "mean" | "none";

/**
 * The scale and shift of a unit. "calibrated": the fitted logit scale, mean 0 on demonstrations. "mean-and-std": deviation 1 and
 * mean 0 on demonstrations. "mean": raw logits with mean 0 on demonstrations. "none": raw logits.
 *
 * @param scores raw rewards of demonstrations, at least one
 */
export function rewardUnit(
  unit: RewardUnit,
  { calibration, scores }: { calibration: number; scores: ArrayLike<number> },
): { scale: number; shift: number } {
  const values = Array.from(scores);
  if (values.length === 0) throw new RangeError("rewardUnit: needs the score of at least one demonstration");
  const shift = values.reduce((sum, value) => sum + value, 0) / values.length;
  switch (unit) {
    case "calibrated":
      return { scale: calibration, shift };
    case "mean-and-std": {
      const variance = values.reduce((sum, value) => sum + (value - shift) ** 2, 0) / values.length;
      return { scale: 1 / Math.sqrt(variance + 1e-8), shift };
    }
    case "mean":
      return { scale: 1, shift };
    case "none":
      return { scale: 1, shift: 0 };
    default:
      return unit satisfies never;
  }
}
