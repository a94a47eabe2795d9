// Texts of one prompt that begin alike: what begins two of them is computed once. In the order made here each text shares its longest
// beginning with the text before it, so that all texts of a prompt form a tree that is written down in preorder.
import { type TokenSequence, tokensOf } from "./token_sequence.ts";

/** One text, and the sequences that are this text. */
export interface DistinctText {
  sequences: number[];
  tokens: readonly number[];
  /**
   * Tokens that the text before it has too, at the same places. Of a common beginning the last token is not among them: a place
   * predicts one token, and here the two go on differently, or one of them ends.
   */
  shared: number;
}

/** Texts of one prompt, in lexical order. */
export type Family = DistinctText[];

/** The distinct texts of each prompt, prompts in order of their first text. Texts that share no place are families of their own. */
export function familiesOf(sequences: readonly TokenSequence[]): Family[] {
  const byPrompt = new Map<string, Map<string, DistinctText>>();
  sequences.forEach((sequence, i) => {
    const prompt = sequence.prompt.join(), text = sequence.continuation.join();
    const texts = byPrompt.get(prompt) ?? new Map<string, DistinctText>();
    byPrompt.set(prompt, texts);
    const known = texts.get(text);
    if (known === undefined) texts.set(text, { sequences: [i], tokens: tokensOf(sequence), shared: 0 });
    else known.sequences.push(i);
  });
  const families: Family[] = [];
  for (const texts of byPrompt.values()) {
    const inOrder = Array.from(texts.values()).sort((a, b) => lexicalOrder(a.tokens, b.tokens));
    inOrder.forEach((text, i) => {
      const shared = i === 0 ? 0 : sharedPlaces(inOrder[i - 1], text);
      if (shared === 0) families.push([text]);
      else families[families.length - 1].push({ ...text, shared });
    });
  }
  return families;
}

/** Each sequence by itself, whatever it has in common with others. */
export function lonelyFamilies(sequences: readonly TokenSequence[]): Family[] {
  return sequences.map((sequence, i) => [{ sequences: [i], tokens: tokensOf(sequence), shared: 0 }]);
}

/** Places that texts of a family, one after the other, take in a row. */
export function placesOf(texts: Family): number {
  return texts.reduce((sum, { tokens, shared }, i) => sum + tokens.length - (i === 0 ? 0 : shared), 0);
}

function sharedPlaces({ tokens: before }: DistinctText, { tokens }: DistinctText): number {
  return Math.max(0, commonLength(before, tokens) - 1);
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a[length] === b[length]) length++;
  return length;
}

function lexicalOrder(a: readonly number[], b: readonly number[]): number {
  const common = commonLength(a, b);
  return common < a.length && common < b.length ? a[common] - b[common] : a.length - b.length;
}
