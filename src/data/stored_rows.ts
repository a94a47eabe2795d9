// Row lists as artifacts: generations of a policy, and reading any list back under its schema.
import { z } from "zod";
import { decodeJsonLines } from "../base/json_lines.ts";

/** One continuation sampled from a policy, as a row of an artifact. */
export const generationSchema = z.strictObject({
  /** Index of the demonstration whose prompt it answers. */
  demonstration: z.number().int().nonnegative(),
  /** Token ids, EOS included where the text ended by itself. */
  tokens: z.array(z.number().int().nonnegative()),
  finished: z.boolean(),
  text: z.string(),
});
export type GenerationRow = z.infer<typeof generationSchema>;

/** The rows of an artifact, each checked against `schema`. */
export function storedRows<Schema extends z.ZodType>(bytes: Uint8Array, schema: Schema): z.infer<Schema>[] {
  return z.array(schema).parse(decodeJsonLines(bytes));
}

/** The prompts of an artifact: one JSON string a line. */
export function storedPrompts(bytes: Uint8Array): string[] {
  return storedRows(bytes, z.string());
}

/** One text of an evaluated policy with its gold errors, as a row of the `texts` artifact. */
export const evaluatedTextSchema = z.strictObject({
  prompt: z.string(),
  decoding: z.enum(["sampled", "tempered", "greedy"]),
  text: z.string(),
  tokens: z.array(z.number().int().nonnegative()),
  /** Missing and added attributes, and attributes of the prompt; absent without a gold measure. */
  errors: z.number().int().nonnegative().optional(),
  numSlots: z.number().int().nonnegative().optional(),
});
export type EvaluatedText = z.infer<typeof evaluatedTextSchema>;
