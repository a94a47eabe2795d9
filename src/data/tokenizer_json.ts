// Builds a word-level tokenizer from texts and writes it as a Hugging Face `tokenizer.json`.
// Lossless on known words: the space belongs to the word behind it, so decoding is plain joining.
import { canonicalJson } from "../base/canonical.ts";
import { ConfigError } from "../base/errors.ts";
import type { Demonstration } from "./rows.ts";
import { isSlotPrompt } from "./slot_prompt.ts";

/** Special tokens; their place is their id. The end of a text and padding are told apart on purpose. */
export const SPECIAL_TOKENS = ["<|endoftext|>", "<|padding|>", "<unk>"] as const;

/** Share of prompts that must be attribute lists before `slot[value]` becomes one token. */
const SLOT_PROMPT_SHARE = 0.9;

// Written with what Oniguruma (the Rust library) and JavaScript read alike. A letter class is spelled out, since
// `\w` differs; `(?<![^\n])` is the start of a line, since `^` differs.
const LETTERS = "\\p{L}\\p{N}\\p{M}_£'-";
const SLOT_WORD = "[\\p{L}_][\\p{L}\\p{N}\\p{M}_]*";
const SLOT_NAME = `(?:(?:(?<![^\\n])|(?<=\\], ))${SLOT_WORD} ${SLOT_WORD}|${SLOT_WORD})`;
const SLOT = `${SLOT_NAME}\\[[^\\[\\]\\n]*\\]`;
/** A word or one other character, each with the space before it; any space left over stands alone. */
const WORD = ` ?[${LETTERS}]+| ?[^\\s${LETTERS}]|\\s`;
/** The same, with `slot[value]` as one token and nothing for the space before it or the comma between two. */
const WORD_OR_SLOT = `${SLOT}|(?! ${SLOT})(?!(?<=\\]), ${SLOT})(?:${WORD})`;

export interface TokenizerSource {
  demonstrations: readonly Demonstration[];
  /** Further prompts; those of the demonstrations are counted anyway. */
  prompts: readonly string[];
  /** Words seen less often are unknown. Attributes of prompts are kept whatever their count. */
  minCount: number;
}

/** The text of a `tokenizer.json`; equal sources give equal bytes. */
export function buildTokenizer({ demonstrations, prompts, minCount }: TokenizerSource): string {
  if (demonstrations.length === 0) {
    throw new ConfigError("Give at least one demonstration to build a tokenizer from");
  }
  const distinctPrompts = [...new Set([...prompts, ...demonstrations.map((row) => row.prompt)])];
  const numSlotPrompts = distinctPrompts.filter(isSlotPrompt).length;
  const hasSlots = numSlotPrompts >= SLOT_PROMPT_SHARE * distinctPrompts.length;
  const pattern = hasSlots ? WORD_OR_SLOT : WORD;
  const pieces = new RegExp(pattern, "gu");
  const isSlot = new RegExp(`^${SLOT}$`, "u");

  const slots = new Set<string>(), counts = new Map<string, number>();
  const count = (text: string) => {
    for (const piece of text.match(pieces) ?? []) {
      if (hasSlots && isSlot.test(piece)) slots.add(piece);
      else counts.set(piece, (counts.get(piece) ?? 0) + 1);
    }
  };
  distinctPrompts.forEach(count);
  demonstrations.forEach((row) => count(row.completion));

  const byCodeUnit = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  const words = [...counts].filter(([, seen]) => seen >= minCount)
    .sort(([a, seenA], [b, seenB]) => seenB - seenA || byCodeUnit(a, b)).map(([word]) => word);
  const tokens = new Set<string>([...SPECIAL_TOKENS, ...[...slots].sort(byCodeUnit), ...words]);
  return canonicalJson(tokenizerFile([...tokens], pattern));
}

/** The file's content. No normalizer: a text comes back letter by letter, a decomposed é stays decomposed. */
function tokenizerFile(tokens: readonly string[], pattern: string) {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: "Split", pattern: { Regex: pattern }, behavior: "Removed", invert: true },
    post_processor: null,
    decoder: { type: "Fuse" },
    model: {
      type: "WordLevel",
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      unk_token: SPECIAL_TOKENS[2],
    },
  };
}
