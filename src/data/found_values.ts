// What a checker found in a text for one slot, and how that compares with the prompt's value.

/** One place in a text that states a value. */
export interface Found {
  /** The values it can mean; with several, the prompt's wins. */
  values: readonly string[];
  /** A vague wording: enough for the prompt's value, too little to count as added. */
  isVague?: boolean;
}

export interface Verdict {
  isStated: boolean;
  /** Values stated that the prompt does not support, each once. */
  added: string[];
}

/** Compares what was found with the wanted value (undefined: the prompt has no such slot). */
export function judgeFound(found: readonly Found[], wanted: string | undefined): Verdict {
  const isRight = ({ values }: Found) => wanted !== undefined && values.includes(wanted);
  const others = found.filter((entry) => !isRight(entry) && !entry.isVague);
  return { isStated: found.some(isRight), added: [...new Set(others.map(({ values }) => values[0]))] };
}
