// Learning-rate schedule: linear warm-up, then linear decay to a floor.

/** Factor on the peak rate at training step `step` (from 0) of `numSteps`. */
export function learningRateFactor(
  step: number,
  options: { numSteps: number; warmupSteps: number; floor: number },
): number {
  const warmup = options.warmupSteps === 0 ? 1 : Math.min(1, (step + 1) / options.warmupSteps);
  return warmup * Math.max(options.floor, 1 - step / options.numSteps);
}
