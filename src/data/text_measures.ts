// Measures of generated texts that need no reference: how varied and how long they are.

/** Distinct bigrams of tokens as a share of all bigrams of the texts; 0 where no text has two tokens. */
export function distinct2(texts: readonly (readonly number[])[]): number {
  const distinct = new Set<string>();
  let count = 0;
  for (const ids of texts) {
    for (let i = 1; i < ids.length; i++) distinct.add(`${ids[i - 1]} ${ids[i]}`);
    count += Math.max(0, ids.length - 1);
  }
  return count === 0 ? 0 : distinct.size / count;
}

/** Mean number of tokens; 0 for no texts. */
export function meanLength(texts: readonly (readonly number[])[]): number {
  return texts.length === 0 ? 0 : texts.reduce((sum, ids) => sum + ids.length, 0) / texts.length;
}
