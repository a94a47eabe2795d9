// What a run stores as its tokenizer when the model came from a folder: `tokenizer.json`, the roles of its special tokens and
// the chat template, in one canonical text. A word-level tokenizer of ours needs no bundle: its roles are fixed.
import { z } from "zod";
import { canonicalJson } from "../base/canonical.ts";
import { SchemaError } from "../base/errors.ts";

const bundleSchema = z.strictObject({
  /** Content of `tokenizer.json`, as it came. */
  tokenizer: z.custom<Record<string, unknown>>((value) => typeof value === "object" && value !== null),
  /** Tokens by role, as they are written. `pad` is never `eos`. */
  specialTokens: z.strictObject({
    eos: z.string(),
    pad: z.string(),
    unk: z.string().optional(),
    bos: z.string().optional(),
  }),
  /** Whether the checkpoint expects `bos` in front of every text. */
  startsWithBos: z.boolean(),
  /** Jinja source. */
  chatTemplate: z.string().optional(),
});
export type TokenizerBundle = z.infer<typeof bundleSchema>;

export function isBundle(content: Record<string, unknown>): boolean {
  return content.specialTokens !== undefined;
}

/** A bundle from an artifact's content; SchemaError names `file`. */
export function parseBundle(content: unknown, file: string): TokenizerBundle {
  const result = bundleSchema.safeParse(content);
  if (result.success) return result.data;
  throw new SchemaError(`Store the model's tokenizer again: ${z.prettifyError(result.error)}`, {
    file,
    cause: result.error,
  });
}

/** Equal bundles give equal bytes. */
export function bundleText(bundle: TokenizerBundle): string {
  return canonicalJson(bundle);
}
