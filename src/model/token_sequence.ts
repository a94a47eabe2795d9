// A prompt and a continuation as token lists, and what equal ones have in common.

export interface TokenSequence {
  prompt: readonly number[];
  /** With EOS where the text ended. */
  continuation: readonly number[];
}

export function lengthOf({ prompt, continuation }: TokenSequence): number {
  return prompt.length + continuation.length;
}

export function tokensOf({ prompt, continuation }: TokenSequence): number[] {
  return [...prompt, ...continuation];
}

/**
 * Of each sequence, the index of the first one that equals it. What is computed for two equal ones differs in the last bits where they
 * stand at different places: take it from the first.
 */
export function firstEquals(sequences: readonly TokenSequence[]): number[] {
  const seen = new Map<string, number>();
  return sequences.map(({ prompt, continuation }, i) => {
    const key = `${prompt}|${continuation}`, first = seen.get(key) ?? i;
    seen.set(key, first);
    return first;
  });
}

/** Values of all sequences, from those of the sequences that equal no earlier one, in order. */
export function ofEach<Value>(first: readonly number[], values: readonly Value[]): Value[] {
  const place = new Map<number, number>();
  first.forEach((index, i) => index === i && place.set(i, place.size));
  return first.map((index) => values[place.get(index) ?? 0]);
}
