// Runs a word-level `tokenizer.json` with the Hugging Face library: text to ids and back.
import { Tokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { SchemaError } from "../base/errors.ts";
import { SPECIAL_TOKENS } from "./tokenizer_json.ts";

export interface WordTokenizer {
  /** Ids of a text; no special token is added. */
  encode(text: string): number[];
  /** The text of ids without end and padding; an unknown word shows as `<unk>`. */
  decode(ids: readonly number[]): string;
  /** Words of a text that the vocabulary lacks, each once, in their order. */
  unknownWords(text: string): string[];
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
  readonly vocabularySize: number;
  readonly eosId: number;
  readonly padId: number;
  readonly unkId: number;
}

const fileSchema = z.looseObject({
  model: z.looseObject({
    type: z.literal("WordLevel"),
    vocab: z.record(z.string(), z.int().nonnegative()),
    unk_token: z.literal(SPECIAL_TOKENS[2]),
  }),
});

/** Texts kept encoded; the same prompts are asked for again and again. */
const MAX_CACHED_TEXTS = 20_000;

/** A tokenizer from the text of a `tokenizer.json` that `buildTokenizer` wrote. */
export function loadTokenizer(json: string): WordTokenizer {
  const { vocab } = parseFile(json).model;
  const library = new Tokenizer(JSON.parse(json), {
    unk_token: SPECIAL_TOKENS[2],
    clean_up_tokenization_spaces: false,
  });
  const [eosId, padId, unkId] = SPECIAL_TOKENS.map((token) => vocab[token]);
  const cache = new Map<string, readonly number[]>();
  const encode = (text: string): number[] => {
    const known = cache.get(text);
    if (known !== undefined) return [...known];
    const { ids } = library.encode(text);
    if (cache.size >= MAX_CACHED_TEXTS) cache.clear();
    cache.set(text, ids);
    return [...ids];
  };
  return {
    encode,
    decode(ids) {
      const shown = ids.filter((id) => id !== eosId && id !== padId);
      return shown.length === 0 ? "" : library.decode(shown);
    },
    unknownWords(text) {
      const tokens = library.tokenize(text);
      return [
        ...new Set(tokens.filter((token) => library.token_to_id(token) === undefined).map((t) => t.trim())),
      ];
    },
    tokenToId: (token) => library.token_to_id(token),
    idToToken: (id) => library.id_to_token(id),
    vocabularySize: Object.keys(vocab).length,
    eosId,
    padId,
    unkId,
  };
}

function parseFile(json: string): z.infer<typeof fileSchema> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new SchemaError("Write the tokenizer again: it is not JSON", { file: "tokenizer.json", cause });
  }
  const result = fileSchema.safeParse(value);
  if (!result.success) {
    throw new SchemaError(`Use a word-level tokenizer: ${z.prettifyError(result.error)}`, {
      file: "tokenizer.json",
      cause: result.error,
    });
  }
  const { vocab } = result.data.model;
  const absent = SPECIAL_TOKENS.filter((token) => !Object.hasOwn(vocab, token));
  if (absent.length > 0) {
    throw new SchemaError(
      `Add the special tokens ${absent.map((token) => `"${token}"`).join(", ")} to the vocabulary`,
      {
        file: "tokenizer.json",
      },
    );
  }
  return result.data;
}
