// Keeps encoded texts: the same prompts are asked for again and again.

/** Texts kept; beyond that the cache starts anew. */
const MAX_CACHED_TEXTS = 20_000;

/** The same function with a memory; every call gives a fresh list, so that a caller may change it. */
export function cachedEncode(encode: (text: string) => readonly number[]): (text: string) => number[] {
  const cache = new Map<string, readonly number[]>();
  return (text) => {
    let ids = cache.get(text);
    if (ids === undefined) {
      ids = encode(text);
      if (cache.size >= MAX_CACHED_TEXTS) cache.clear();
      cache.set(text, ids);
    }
    return [...ids];
  };
}
