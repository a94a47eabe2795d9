// The part of `tokenizer.json` that real language models use: byte-pair encoding over bytes (GPT-NeoX, Llama 3) or with bytes
// as the fallback (Llama 2, Mistral). What the library in use would compute otherwise than the original is rewritten here, or refused.
import { z } from "zod";
import { SchemaError } from "../base/errors.ts";

const pattern = z.union([z.strictObject({ Regex: z.string() }), z.strictObject({ String: z.string() })]);

const normalizerSchema = z.discriminatedUnion("type", [
  z.looseObject({ type: z.enum(["NFC", "NFD", "NFKC", "NFKD"]) }),
  z.looseObject({ type: z.literal("Prepend"), prepend: z.string() }),
  z.looseObject({ type: z.literal("Replace"), pattern, content: z.string() }),
]);

const preTokenizerSchema = z.discriminatedUnion("type", [
  z.looseObject({
    type: z.literal("ByteLevel"),
    add_prefix_space: z.boolean().default(true),
    use_regex: z.boolean().default(true),
  }),
  z.looseObject({ type: z.literal("Split"), pattern, behavior: z.literal("Isolated") }),
  z.looseObject({ type: z.literal("Digits"), individual_digits: z.boolean().default(false) }),
  z.looseObject({
    type: z.literal("Metaspace"),
    replacement: z.string().default("▁"),
    add_prefix_space: z.boolean().default(true),
    prepend_scheme: z.enum(["always", "first", "never"]).optional(),
    split: z.boolean().default(true),
  }),
]);
type PreTokenizer = z.infer<typeof preTokenizerSchema>;

/** Checked by hand: copying a vocabulary entry by entry is slow, and `__proto__` is a word like any other. */
const isVocabulary = (value: unknown) =>
  typeof value === "object" && value !== null && Object.values(value).every(Number.isSafeInteger);

/** No suffixes, prefixes or drop-out: such models write words in another way. */
const without = z.union([z.null(), z.literal(""), z.literal(0)]).optional();

const fileSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({
    id: z.int().nonnegative(),
    content: z.string().min(1),
    special: z.boolean().default(false),
    single_word: z.literal(false).default(false),
  })).default([]),
  normalizer: z.array(normalizerSchema),
  pre_tokenizer: z.array(preTokenizerSchema),
  model: z.looseObject({
    type: z.literal("BPE"),
    vocab: z.custom<Record<string, number>>(isVocabulary, "must be tokens with their ids"),
    merges: z.custom<unknown[]>(Array.isArray, "must be a list"),
    byte_fallback: z.boolean().nullish(),
    dropout: without,
    continuing_subword_prefix: without,
    end_of_word_suffix: without,
  }),
});
/** A `tokenizer.json` whose steps stand in flat lists. */
export type BpeFile = z.infer<typeof fileSchema>;

/** The checked content of a `tokenizer.json`; SchemaError names `file` and the part that this program does not compute. */
export function parseBpeFile(content: Record<string, unknown>, file: string): BpeFile {
  const result = fileSchema.safeParse({
    ...content,
    normalizer: flatSteps(content.normalizer, "normalizers"),
    pre_tokenizer: flatSteps(content.pre_tokenizer, "pretokenizers"),
  });
  if (!result.success) {
    throw new SchemaError(
      `Use a model with a byte-level or byte-fallback BPE tokenizer: ${z.prettifyError(result.error)}`,
      { file, cause: result.error },
    );
  }
  const isByteLevel = result.data.pre_tokenizer.some(({ type }) => type === "ByteLevel");
  if (!isByteLevel && result.data.model.byte_fallback !== true) {
    throw new SchemaError(
      "Use a model whose tokenizer can write every text: this one neither works on bytes nor falls back to them",
      { file },
    );
  }
  return result.data;
}

/** A step, or the steps of a sequence, however deep; none for null. */
export function flatSteps(
  step: unknown,
  list: "normalizers" | "pretokenizers" | "decoders" | "processors",
): unknown[] {
  if (step === null || step === undefined) return [];
  const fields = Object(step);
  return fields.type === "Sequence" && Array.isArray(fields[list])
    ? fields[list].flatMap((inner: unknown) => flatSteps(inner, list))
    : [step];
}

/** The file as the library must get it to give the original's ids. Nothing is added to a text: there is no post-processor. */
export function libraryFile(file: BpeFile) {
  const normalizers = file.normalizer.map((step) =>
    // The library takes "$" in a replacement for a reference to the match.
    step.type === "Replace" ? { ...step, content: step.content.replaceAll("$", "$$$$") } : step
  );
  const pretokenizers = file.pre_tokenizer.flatMap(libraryPreTokenizers);
  return {
    ...file,
    normalizer: normalizers.length === 0 ? null : { type: "Sequence", normalizers },
    pre_tokenizer: pretokenizers.length === 0 ? null : { type: "Sequence", pretokenizers },
    post_processor: null,
    decoder: null,
  };
}

/** GPT-2's words. The library's own copy reads `\s` as JavaScript does: with U+FEFF and without U+0085. */
const BYTE_LEVEL_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const isolated = (regex: string) => ({
  type: "Split",
  pattern: { Regex: regex },
  behavior: "Isolated",
  invert: false,
});

function libraryPreTokenizers(step: PreTokenizer): Record<string, unknown>[] {
  switch (step.type) {
    case "ByteLevel": {
      // A space at the very start of a piece that has none. (With "(?! )" V8 would match inside a surrogate pair, too.)
      const prefix = { type: "Replace", pattern: { Regex: "\\A(?=[^ ])" }, content: " " };
      return [
        ...(step.add_prefix_space ? [prefix] : []),
        ...(step.use_regex ? [isolated(BYTE_LEVEL_WORDS)] : []),
        { type: "ByteLevel", add_prefix_space: false, use_regex: false },
      ];
    }
    case "Digits":
      // The library's own knows 0 to 9 only.
      return [isolated(step.individual_digits ? "\\p{N}" : "\\p{N}+")];
    case "Metaspace": {
      const { replacement, split } = step;
      const scheme = step.prepend_scheme ?? (step.add_prefix_space ? "always" : "never");
      const mark = replacement.replace(/[\\^\]-]/g, "\\$&");
      return [
        { type: "Metaspace", replacement, prepend_scheme: scheme },
        // The library's own never splits.
        ...(split ? [isolated(`[${mark}][^${mark}]*|[^${mark}]+`)] : []),
      ];
    }
    case "Split":
      return [{ ...step, invert: false }];
    default:
      return step satisfies never;
  }
}
