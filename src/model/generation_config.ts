// `generation_config.json`: how texts are drawn from a policy unless somebody asks otherwise, in Hugging Face's names.
import { z } from "zod";
import { checkedObject } from "./checked_object.ts";

/** null: the file does not say. */
export interface GenerationConfig {
  /** Draw tokens, or take the likeliest one. transformers' default is the latter. */
  doSample: boolean | null;
  temperature: number | null;
  /** The k likeliest tokens; 0 is all. transformers' default is 50. */
  topK: number | null;
  /** The likeliest tokens whose probabilities reach this sum. */
  topP: number | null;
  maxNewTokens: number | null;
  bosId: number | null;
  /** Any of these ends a text. */
  eosIds: number[];
  padId: number | null;
  /** Tokens that are never drawn. */
  suppressed: number[];
}

const id = z.int().nonnegative();
const fileSchema = z.looseObject({
  do_sample: z.boolean().nullish(),
  temperature: z.number().positive().nullish(),
  top_k: z.int().nonnegative().nullish(),
  top_p: z.number().positive().max(1).nullish(),
  max_new_tokens: z.int().positive().nullish(),
  bos_token_id: id.nullish(),
  eos_token_id: z.union([id, z.array(id)], { error: "must be a token id or a list of them" }).nullish(),
  pad_token_id: id.nullish(),
  suppress_tokens: z.array(id).nullish(),
});

export function readGenerationConfig(text: string, file: string): GenerationConfig {
  const config = checkedObject(text, fileSchema, file);
  return {
    doSample: config.do_sample ?? null,
    temperature: config.temperature ?? null,
    topK: config.top_k ?? null,
    topP: config.top_p ?? null,
    maxNewTokens: config.max_new_tokens ?? null,
    bosId: config.bos_token_id ?? null,
    eosIds: [config.eos_token_id ?? []].flat(),
    padId: config.pad_token_id ?? null,
    suppressed: config.suppress_tokens ?? [],
  };
}

/** The file's fields; what is null or empty is left out. */
export function generationConfigFields(config: GenerationConfig): Record<string, unknown> {
  const { eosIds, suppressed } = config;
  const fields = {
    do_sample: config.doSample,
    temperature: config.temperature,
    top_k: config.topK,
    top_p: config.topP,
    max_new_tokens: config.maxNewTokens,
    suppress_tokens: suppressed.length > 0 ? suppressed : null,
    bos_token_id: config.bosId,
    eos_token_id: eosIds.length > 1 ? eosIds : eosIds.at(0) ?? null,
    pad_token_id: config.padId,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
