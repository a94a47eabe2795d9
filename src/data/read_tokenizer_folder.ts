// From the tokenizer files of a model's folder to the text that a run stores: what ends a text, what pads it, what starts it.
// Takes the files' texts; folders are the caller's.
import { SchemaError } from "../base/errors.ts";
import { type BpeFile, flatSteps, parseBpeFile } from "./bpe_file.ts";
import { bpeTokenizer } from "./bpe_tokenizer.ts";
import { jsonObject } from "../base/json_object.ts";
import { bundleText, type TokenizerBundle } from "./tokenizer_bundle.ts";
import { wordTokenizer } from "./word_tokenizer.ts";

/** Texts of a folder's files, absent where the folder lacks them. */
export interface TokenizerFolderFiles {
  tokenizerJson: string;
  tokenizerConfig?: string;
  specialTokensMap?: string;
  generationConfig?: string;
  config?: string;
  chatTemplateJinja?: string;
}

/**
 * The text of a tokenizer artifact, for `loadTokenizer`: a bundle, or the plain `tokenizer.json` of a folder that this program
 * exported. Tokens are those that `tokenizer_config.json` or `special_tokens_map.json` name, else the ids of the generation's
 * and the model's configuration. Padding is never what ends a text: where both are declared one token, or none is declared,
 * another token of the vocabulary that is made for it is taken. SchemaError names the file.
 */
export function readTokenizerFolder(files: TokenizerFolderFiles, folder: string): string {
  const file = `${folder}/tokenizer.json`, tokenizer = jsonObject(files.tokenizerJson, file);
  if (Object(tokenizer.model).type === "WordLevel") {
    wordTokenizer(tokenizer, file);
    return files.tokenizerJson;
  }
  const parsed = parseBpeFile(tokenizer, file),
    tokens = tokenIds(parsed),
    sources = readSources(files, folder);
  const eos = declared("eos", sources, tokens);
  if (eos === undefined) {
    throw new SchemaError(`Name the token that ends a text as "eos_token": no file of the folder does`, {
      file: `${folder}/tokenizer_config.json`,
    });
  }
  const known = (role: Role) => {
    const token = declared(role, sources, tokens);
    return token !== undefined && tokens.has(token) ? token : undefined;
  };
  if (!tokens.has(eos)) {
    throw new SchemaError(`Add "${eos}" to the vocabulary: it is declared to end a text`, { file });
  }
  const unk = known("unk"), bos = known("bos");
  const pad = choosePad({ declared: known("pad"), eos, unk }, { parsed, tokens, folder });
  const chatTemplate = files.chatTemplateJinja ?? declaredTemplate(sources[0].content.chat_template);
  const bundle: TokenizerBundle = {
    tokenizer,
    specialTokens: { eos, pad, ...(unk !== undefined && { unk }), ...(bos !== undefined && { bos }) },
    startsWithBos: bos !== undefined && startsWith(bos, tokenizer, sources[0].content.add_bos_token),
    ...(chatTemplate !== undefined && { chatTemplate }),
  };
  bpeTokenizer(bundle, file);
  return bundleText(bundle);
}

type Role = "eos" | "pad" | "unk" | "bos";

function tokenIds({ model, added_tokens }: BpeFile): Map<string, number> {
  return new Map([
    ...Object.entries(model.vocab),
    ...added_tokens.map(({ content, id }): [string, number] => [content, id]),
  ]);
}

interface Source {
  content: Record<string, unknown>;
  /** Whether it names tokens or gives their ids. */
  gives: "tokens" | "ids";
}

/** First the tokenizer's own files: a chat model's configuration may still name what ends a text of its base model. */
function readSources(files: TokenizerFolderFiles, folder: string): Source[] {
  const source = (text: string | undefined, name: string, gives: Source["gives"]) => ({
    content: text === undefined ? {} : jsonObject(text, `${folder}/${name}`),
    gives,
  });
  return [
    source(files.tokenizerConfig, "tokenizer_config.json", "tokens"),
    source(files.specialTokensMap, "special_tokens_map.json", "tokens"),
    source(files.generationConfig, "generation_config.json", "ids"),
    source(files.config, "config.json", "ids"),
  ];
}

/** The first declaration of a role; a list of ids counts with its first. */
function declared(
  role: Role,
  sources: readonly Source[],
  tokens: ReadonlyMap<string, number>,
): string | undefined {
  for (const { content, gives } of sources) {
    if (gives === "tokens") {
      const value = content[`${role}_token`], token = Object(value).content ?? value;
      if (typeof token === "string") return token;
    } else {
      const value = content[`${role}_token_id`], id = Array.isArray(value) ? value[0] : value;
      const found = typeof id === "number" ? [...tokens].find(([, known]) => known === id) : undefined;
      if (found !== undefined) return found[0];
    }
  }
  return undefined;
}

/** Tokens that vocabularies keep for padding. */
const PADDING = ["<|padding|>", "<pad>", "[PAD]", "<|pad|>", "<|finetune_right_pad_id|>"];

function choosePad(
  { declared, eos, unk }: { declared?: string; eos: string; unk?: string },
  { parsed, tokens, folder }: { parsed: BpeFile; tokens: ReadonlyMap<string, number>; folder: string },
): string {
  if (declared !== undefined && declared !== eos) return declared;
  // With bytes to fall back to, no text is ever written with the unknown token.
  const spare = parsed.model.byte_fallback === true && unk !== undefined ? [unk] : [];
  const found = [...PADDING, ...spare].find((token) => tokens.has(token) && token !== eos);
  if (found !== undefined) return found;
  const now = declared === undefined ? "there is none" : `"${declared}" ends a text, too`;
  throw new SchemaError(
    `Name a token of the vocabulary that no text contains as "pad_token": ${now}, and tokenizer.json has none of ${
      PADDING.join(", ")
    }`,
    { file: `${folder}/tokenizer_config.json` },
  );
}

/** What the tokenizer's own template, or the flag that overrules it, puts in front of a text. */
function startsWith(bos: string, { post_processor }: Record<string, unknown>, flag: unknown): boolean {
  if (typeof flag === "boolean") return flag;
  return flatSteps(post_processor, "processors").some((step) => {
    const { type, single } = Object(step);
    return type === "TemplateProcessing" && Array.isArray(single) &&
      Object(Object(single[0]).SpecialToken).id === bos;
  });
}

/** A template's text, or that of the one named "default" among several. */
function declaredTemplate(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  return declaredTemplate(Object(value.find((entry) => Object(entry).name === "default")).template);
}
