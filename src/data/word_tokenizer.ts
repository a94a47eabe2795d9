// Runs a word-level `tokenizer.json` with the Hugging Face library: text to ids and back.
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { z } from "zod";
import { SchemaError } from "../base/errors.ts";
import { cachedEncode } from "./encode_cache.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { SPECIAL_TOKENS } from "./tokenizer_json.ts";

const fileSchema = z.looseObject({
  model: z.looseObject({
    type: z.literal("WordLevel"),
    vocab: z.record(z.string(), z.int().nonnegative()),
    unk_token: z.literal(SPECIAL_TOKENS[2]),
  }),
});

/** A tokenizer from the content of a `tokenizer.json` that `buildTokenizer` wrote; SchemaError names `file`. */
export function wordTokenizer(content: unknown, file: string): Tokenizer {
  const { vocab } = parseContent(content, file).model;
  const library = new Library(Object(content), {
    unk_token: SPECIAL_TOKENS[2],
    clean_up_tokenization_spaces: false,
  });
  const [eosId, padId, unkId] = SPECIAL_TOKENS.map((token) => vocab[token]);
  return {
    encode: cachedEncode((text) => library.encode(text).ids),
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

function parseContent(content: unknown, file: string): z.infer<typeof fileSchema> {
  const result = fileSchema.safeParse(content);
  if (!result.success) {
    throw new SchemaError(`Use a word-level tokenizer: ${z.prettifyError(result.error)}`, {
      file,
      cause: result.error,
    });
  }
  const { vocab } = result.data.model;
  const absent = SPECIAL_TOKENS.filter((token) => !Object.hasOwn(vocab, token));
  if (absent.length > 0) {
    throw new SchemaError(
      `Add the special tokens ${absent.map((token) => `"${token}"`).join(", ")} to the vocabulary`,
      { file },
    );
  }
  return result.data;
}
