// The gold measure of the made-up task: which attributes a text misses, states wrongly or adds.
// Works on any text: garbage, repetitions and contradictions included. A right value said twice is no error.
import { MADE_UP_SLOTS } from "./made_up_domain.ts";
import {
  CLAUSE_ENDS,
  FOOD_PATTERNS,
  FOOD_VALUES,
  NEGATORS,
  VALUE_PATTERNS,
  YES_NO_PATTERNS,
} from "./made_up_patterns.ts";
import type { SlotErrors } from "./slot_errors.ts";
import { parseSlotPrompt } from "./slot_prompt.ts";

/** Raised whenever a text could be judged differently than before. */
export const MADE_UP_CHECKER_VERSION = "made-up-1";

/** Errors of a text against its prompt. */
export function checkMadeUp(prompt: string, text: string): SlotErrors {
  const attributes = parseSlotPrompt(prompt);
  const stated = statedValues(text);
  const missing: string[] = [], added: string[] = [];
  for (const [slot, value] of attributes) {
    if (!stated.get(slot)?.has(value)) missing.push(`${slot}[${value}]`);
  }
  for (const [slot, values] of stated) {
    for (const value of values) {
      if (attributes.get(slot) !== value) added.push(`${slot}[${value}]`);
    }
  }
  return { missing, added, numSlots: attributes.size };
}

/** Every value that the text states, by slot. */
function statedValues(text: string): Map<string, Set<string>> {
  const lowered = text.toLowerCase();
  const stated = new Map<string, Set<string>>();
  // Names and places come first and are blanked out, then the phrases of valued slots, so that the "no" of "no fare"
  // negates nothing else and "Old Salty Anchor" is not found as "Salty Anchor".
  let rest = lowered;
  for (const { slots, pattern, valueOf } of SEARCHES) {
    for (const slot of slots) stated.set(slot, new Set());
    for (const match of rest.matchAll(pattern)) {
      if (DENIED.test(rest.slice(0, match.index))) continue;
      const { slot, value } = valueOf(match[0]);
      stated.get(slot)?.add(value);
    }
    rest = rest.replace(pattern, BLANK);
  }
  const food = foodOf(rest);
  stated.set("food", new Set(food === undefined ? [] : [food]));
  for (const [slot, search] of YES_NO_SEARCHES) stated.set(slot, yesNoOf(rest, search));
  return stated;
}

/** "no", "not the" right before a value: it is not stated. */
const DENIED = /(?<![\p{L}'])(?:no|not|never|without)(?: (?:a|an|any|the|for|at|in|from|to))* $/u;

/** Stands where a found phrase stood; no pattern matches it. */
const BLANK = "▢";

interface Search {
  slots: readonly string[];
  pattern: RegExp;
  valueOf(match: string): { slot: string; value: string };
}

/** One search for all values of the given slots. Longer patterns are tried first, so that the longest match wins. */
function makeSearch(
  entries: readonly { slot: string; value: string; patterns: readonly string[] }[],
): Search {
  const all = entries.flatMap(({ slot, value, patterns }) =>
    patterns.map((source) => ({ slot, value, source }))
  )
    .sort((a, b) => b.source.length - a.source.length)
    .map((entry) => ({ ...entry, whole: new RegExp(`^(?:${entry.source})$`) }));
  return {
    slots: [...new Set(entries.map(({ slot }) => slot))],
    pattern: anyOf(all.map(({ source }) => source)),
    valueOf(match) {
      const found = all.find(({ whole }) => whole.test(match));
      if (found === undefined) throw new Error(`no value for the match "${match}"`);
      return found;
    },
  };
}

function anyOf(sources: readonly string[]): RegExp {
  return new RegExp(
    `(?<![\\p{L}\\p{N}'-])(?:${sources.join("|")})(?![\\p{L}\\p{N}]|['-][\\p{L}\\p{N}])`,
    "gu",
  );
}

const SEARCHES: readonly Search[] = [
  makeSearch(
    ["name", "from", "to"].flatMap((slot) =>
      (MADE_UP_SLOTS.get(slot) ?? []).map((value) => ({ slot, value, patterns: [value.toLowerCase()] }))
    ),
  ),
  ...Object.entries(VALUE_PATTERNS).map(([slot, values]) =>
    makeSearch(Object.entries(values).map(([value, patterns]) => ({ slot, value, patterns })))
  ),
];

/** The value whose parts are exactly the things named; other sets are wrong values under their own name. */
function foodOf(text: string): string | undefined {
  const isNamed = (pattern: RegExp) =>
    [...text.matchAll(pattern)].some((match) => !DENIED.test(text.slice(0, match.index)));
  const named = FOOD_SEARCHES.filter(({ pattern }) => isNamed(pattern)).map(({ item }) => item);
  if (named.length === 0) return undefined;
  const value = Object.entries(FOOD_VALUES).find(([, parts]) =>
    parts.length === named.length && parts.every((part) => named.includes(part))
  );
  return value === undefined ? named.join(" and ") : value[0];
}

const FOOD_SEARCHES = Object.entries(FOOD_PATTERNS).map(([item, source]) => ({
  item,
  pattern: anyOf([source]),
}));

const YES_NO_SEARCHES = Object.entries(YES_NO_PATTERNS).map(([slot, { yes, no }]) => {
  const search = makeSearch([{ slot, value: "yes", patterns: yes }, { slot, value: "no", patterns: no }]);
  return [slot, search] as const;
});

/** What the text says to a yes/no slot: nothing, one answer or, contradicting itself, both. */
function yesNoOf(text: string, { pattern, valueOf }: Search): Set<string> {
  const answers = new Set<string>();
  for (const match of text.matchAll(pattern)) {
    const value = valueOf(match[0]).value;
    const isNegated = NEGATOR.test(clauseBefore(text, match.index)) ||
      NEGATED_AFTERWARDS.test(text.slice(match.index + match[0].length));
    answers.add(isNegated === (value === "yes") ? "no" : "yes");
  }
  return answers;
}

const NEGATOR = new RegExp(`(?<![\\p{L}'])(?:${NEGATORS.join("|")})(?![\\p{L}'])`, "u");
/** "dogs are not welcome", "winter is no time for it". */
const NEGATED_AFTERWARDS = /^ (?:are|is|may|can|do|does|must)(?: not|n't| never| no)\b/u;
const CLAUSE_END = new RegExp(
  `${CLAUSE_ENDS[0]}|(?<![\\p{L}'])(?:${CLAUSE_ENDS.slice(1).join("|")})(?![\\p{L}'])`,
  "gu",
);

/** The text from the last clause end up to `place`. */
function clauseBefore(text: string, place: number): string {
  const before = text.slice(0, place);
  const ends = [...before.matchAll(CLAUSE_END)];
  const last = ends[ends.length - 1];
  return last === undefined ? before : before.slice(last.index + last[0].length);
}
