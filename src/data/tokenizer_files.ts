// A stored tokenizer as the files of a Hugging Face folder: what an export writes, and what reading that folder gives back.
import { canonicalJson } from "../base/canonical.ts";
import { jsonObject } from "../base/json_object.ts";
import { loadTokenizer } from "./load_tokenizer.ts";
import { unknownIds } from "./tokenizer.ts";
import { isBundle, parseBundle } from "./tokenizer_bundle.ts";
import { SPECIAL_TOKENS } from "./tokenizer_json.ts";

/** A token with its id, as configurations name it. */
export interface NamedToken {
  id: number;
  token: string;
}

export interface TokenizerFiles {
  /** Text of `tokenizer.json`. */
  tokenizerJson: string;
  /** Fields of `tokenizer_config.json` that belong to the tokenizer and not to the model. */
  tokenizerConfig: Record<string, unknown>;
  eos: NamedToken;
  pad: NamedToken;
  unk?: NamedToken;
  bos?: NamedToken;
  /** What a sampler never draws: padding and, unless it ends a text, too, the unknown token. */
  suppressed: number[];
}

/** The files of a tokenizer artifact's text; `readTokenizerFolder` makes the same text of them again. */
export function tokenizerFiles(artifactText: string): TokenizerFiles {
  const tokenizer = loadTokenizer(artifactText), content = jsonObject(artifactText, "tokenizer.json");
  const suppressed = [...new Set([tokenizer.padId, ...unknownIds(tokenizer)])];
  const named = (token: string): NamedToken => ({ id: tokenizer.tokenToId(token) ?? -1, token });
  if (!isBundle(content)) {
    const [eos, pad, unk] = SPECIAL_TOKENS.map(named);
    return { tokenizerJson: artifactText, ...withConfig({ eos, pad, unk, bos: eos }), suppressed };
  }
  const bundle = parseBundle(content, "tokenizer.json"), { eos, pad, unk, bos } = bundle.specialTokens;
  const { tokenizerConfig, ...tokens } = withConfig({
    eos: named(eos),
    pad: named(pad),
    ...(unk !== undefined && { unk: named(unk) }),
    ...(bos !== undefined && { bos: named(bos) }),
  });
  return {
    tokenizerJson: canonicalJson(bundle.tokenizer),
    tokenizerConfig: {
      ...tokenizerConfig,
      ...(bos !== undefined && { add_bos_token: bundle.startsWithBos }),
      ...(bundle.chatTemplate !== undefined && { chat_template: bundle.chatTemplate }),
    },
    ...tokens,
    suppressed,
  };
}

function withConfig(tokens: { eos: NamedToken; pad: NamedToken; unk?: NamedToken; bos?: NamedToken }) {
  const { eos, pad, unk, bos } = tokens;
  const tokenizerConfig: Record<string, unknown> = {
    ...(bos && { bos_token: bos.token }),
    eos_token: eos.token,
    pad_token: pad.token,
    ...(unk && { unk_token: unk.token }),
    clean_up_tokenization_spaces: false,
  };
  return { ...tokens, tokenizerConfig };
}
