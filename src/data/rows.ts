// The rows that data files hold, as schemas with inferred types: demonstrations, labelled pairs, evaluation prompts.
// `completion`, `chosen` and `rejected` are names of fields in files; elsewhere a completion is a *continuation*.
import { z } from "zod";

const text = z.string().min(1);

export const demonstrationSchema = z.strictObject({ prompt: text, completion: text });
/** A prompt with the continuation that somebody showed for it. */
export type Demonstration = z.infer<typeof demonstrationSchema>;

export const preferencePairSchema = z.strictObject({
  prompt: text,
  chosen: text,
  rejected: text,
  subset: z.string().optional(),
});
/** Two continuations of one prompt, ordered by people. The Evaluator's alone. */
export type PreferencePair = z.infer<typeof preferencePairSchema>;

export const evaluationPromptSchema = z.strictObject({ prompt: text, completions: z.array(text) });
/** A held-out prompt with every reference known for it (none, when only prompts were given). */
export type EvaluationPrompt = z.infer<typeof evaluationPromptSchema>;
