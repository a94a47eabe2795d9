// Opens the tokenizer that a run has stored, of either kind: our word-level one, or a bundle of a checkpoint's files.
import { bpeTokenizer } from "./bpe_tokenizer.ts";
import { jsonObject } from "../base/json_object.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { isBundle, parseBundle } from "./tokenizer_bundle.ts";
import { wordTokenizer } from "./word_tokenizer.ts";

/** How errors call the artifact. */
const FILE = "tokenizer.json";

/** Every step of a run opens the same one, and a large vocabulary takes a good part of a second. */
let latest: { text: string; tokenizer: Tokenizer } | undefined;

/** A tokenizer from the text of an artifact: a word-level `tokenizer.json` or a bundle. SchemaError for any other text. */
export function loadTokenizer(text: string): Tokenizer {
  if (latest?.text !== text) latest = { text, tokenizer: open(text) };
  return latest.tokenizer;
}

function open(text: string): Tokenizer {
  const content = jsonObject(text, FILE);
  return isBundle(content) ? bpeTokenizer(parseBundle(content, FILE), FILE) : wordTokenizer(content, FILE);
}
