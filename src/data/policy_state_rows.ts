// Rows of the saved states of policy optimisers that hold more than one training: texts that best-of-N chose, and which
// artifacts a state consists of.
import { z } from "zod";

/** One text that best-of-N chose, as a row of an artifact. */
export const chosenTextSchema = z.strictObject({
  /** Index of its prompt among the training prompts. */
  prompt: z.number().int().nonnegative(),
  /** Token ids, EOS included where the text ended by itself. */
  tokens: z.array(z.number().int().nonnegative()),
  /** Its own reward, and means over the rollouts of its prompt: reward, sequence log-ratio to the reference in nats. */
  reward: z.number(),
  meanReward: z.number(),
  meanLogRatio: z.number(),
});
export type ChosenText = z.infer<typeof chosenTextSchema>;

/** One artifact of a saved state. */
export const statePartSchema = z.strictObject({ part: z.string(), digest: z.string() });
