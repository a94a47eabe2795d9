// What a trainer takes from a section of the configuration: AdamW and the learning-rate schedule.
import type { AdamWOptions } from "../math/adamw.ts";
import type { LearningRateSchedule } from "../math/learning_rate.ts";

/** The fields that every trained section has. */
type OptimiserFields = AdamWOptions & Omit<LearningRateSchedule, "numSteps"> & { learningRate: number };

export interface TrainerSettings extends LearningRateSchedule {
  optimiser: AdamWOptions;
  /** Peak. */
  learningRate: number;
}

/** A schedule over `numSteps` training steps of `updatesPerStep` updates each; the trainer counts updates. */
export function trainerSettings(
  fields: OptimiserFields,
  { numSteps, updatesPerStep = 1 }: { numSteps: number; updatesPerStep?: number },
): TrainerSettings {
  const { beta1, beta2, epsilon, weightDecay, gradientNorm } = fields;
  const { learningRate, schedule, rateFloor } = fields;
  return {
    optimiser: { beta1, beta2, epsilon, weightDecay, gradientNorm },
    learningRate,
    schedule,
    rateFloor,
    warmupSteps: fields.warmupSteps * updatesPerStep,
    numSteps: numSteps * updatesPerStep,
  };
}
