// The tokenizer of a checkpoint: byte-pair encoding that can write every text, so that no word is unknown.
// Encodes with the Hugging Face library. Left out: templates that add special tokens, and the clean-up of spaces.
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { SchemaError } from "../base/errors.ts";
import { libraryFile, parseBpeFile } from "./bpe_file.ts";
import { cachedEncode } from "./encode_cache.ts";
import { tokenDecoder } from "./token_decoder.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { TokenizerBundle } from "./tokenizer_bundle.ts";

/** Opens a bundle; SchemaError names `file` where it is not what this program computes. */
export function bpeTokenizer(bundle: TokenizerBundle, file: string): Tokenizer {
  const parsed = parseBpeFile(bundle.tokenizer, file);
  const library = new Library(libraryFile(parsed), { clean_up_tokenization_spaces: false });
  const toText = tokenDecoder(bundle.tokenizer.decoder, file);
  const ids = specialIds(bundle, library, file);
  const added = parsed.added_tokens;
  const silent = new Set([
    ...added.filter(({ special }) => special).map(({ id }) => id),
    ...Object.values(ids).filter((id) => id !== undefined),
  ]);
  const largest = Object.values(parsed.model.vocab).reduce((a, b) => Math.max(a, b), -1);
  return {
    encode: cachedEncode((text) =>
      text === "" ? [] : library.encode(text, { add_special_tokens: false }).ids
    ),
    decode(list) {
      const tokens = list.filter((id) => !silent.has(id)).map((id) => library.id_to_token(id));
      return toText(tokens.filter((token) => token !== undefined));
    },
    unknownWords: () => [],
    tokenToId: (token) => library.token_to_id(token),
    idToToken: (id) => library.id_to_token(id),
    vocabularySize: added.reduce((a, { id }) => Math.max(a, id), largest) + 1,
    eosId: ids.eos,
    padId: ids.pad,
    // Where the end of a text doubles as the unknown token, as in GPT-NeoX, nothing is unknown.
    unkId: ids.unk === ids.eos || ids.unk === ids.pad || ids.unk === ids.bos ? undefined : ids.unk,
    bosId: bundle.startsWithBos ? ids.bos : undefined,
  };
}

function specialIds({ specialTokens }: TokenizerBundle, library: Library, file: string) {
  const { eos, pad, unk, bos } = specialTokens;
  const idOf = (token: string) => {
    const id = library.token_to_id(token);
    if (id !== undefined) return id;
    throw new SchemaError(`Add "${token}" to the vocabulary: it is one of the special tokens`, { file });
  };
  const ids = {
    eos: idOf(eos),
    pad: idOf(pad),
    unk: unk === undefined ? undefined : idOf(unk),
    bos: bos === undefined ? undefined : idOf(bos),
  };
  if (ids.eos !== ids.pad) return ids;
  throw new SchemaError(`Choose another padding token: "${pad}" ends a text, too`, { file });
}
