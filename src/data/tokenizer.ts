// What a tokenizer does for a run, whatever its kind: text to ids and back.
export interface Tokenizer {
  /** Ids of a text; no special token is added. */
  encode(text: string): number[];
  /** The text of ids without end, padding and other special tokens; an unknown word of a word-level tokenizer shows as `<unk>`. */
  decode(ids: readonly number[]): string;
  /** Words of a text that the vocabulary lacks, each once, in their order; none where every byte has a token. */
  unknownWords(text: string): string[];
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
  /** Largest id + 1, added tokens included. */
  readonly vocabularySize: number;
  readonly eosId: number;
  /** Never `eosId`: a text that ends and one that is cut off must not look alike. */
  readonly padId: number;
  /** Absent where every text can be written in tokens. */
  readonly unkId?: number;
  /** What the model expects in front of every prompt, where it expects anything; `encode` never adds it. */
  readonly bosId?: number;
}

/** The id of unknown words as a list, empty where there is none. */
export function unknownIds({ unkId }: Pick<Tokenizer, "unkId">): number[] {
  return unkId === undefined ? [] : [unkId];
}

/**
 * Ids of a prompt: those of its text, behind what the model expects in front of every prompt. A text that begins with that
 * token, as chat templates write it, gets no second one.
 */
export function encodePrompt({ bosId, encode }: Pick<Tokenizer, "bosId" | "encode">, text: string): number[] {
  const ids = encode(text);
  return bosId === undefined || ids[0] === bosId ? ids : [bosId, ...ids];
}
