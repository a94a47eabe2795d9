// Learning-rate schedules: linear warm-up, then linear, cosine or no decay to a floor.

export interface LearningRateSchedule {
  numSteps: number;
  warmupSteps: number;
  schedule: "linear" | "cosine" | "constant";
  /** Share of the peak that linear and cosine decay end at. */
  rateFloor: number;
}

/**
 * Factor on the peak rate at training step `step` (from 0) of `numSteps`. Linear: max(floor, 1 − step/numSteps). Cosine: from 1
 * after warm-up to the floor at numSteps, half a period (Loshchilov & Hutter 2017). Warm-up multiplies by (step + 1)/warmupSteps.
 */
export function learningRateFactor(step: number, options: LearningRateSchedule): number {
  const { numSteps, warmupSteps } = options;
  const warmup = warmupSteps === 0 ? 1 : Math.min(1, (step + 1) / warmupSteps);
  return warmup *
    decayFactor(step, options, Math.max(0, step - warmupSteps) / Math.max(1, numSteps - warmupSteps));
}

function decayFactor(
  step: number,
  { numSteps, schedule, rateFloor }: LearningRateSchedule,
  progress: number,
): number {
  switch (schedule) {
    case "linear":
      return Math.max(rateFloor, 1 - step / numSteps);
    case "cosine":
      return rateFloor + (1 - rateFloor) * (1 + Math.cos(Math.PI * progress)) / 2;
    case "constant":
      return 1;
    default:
      return schedule satisfies never;
  }
}
