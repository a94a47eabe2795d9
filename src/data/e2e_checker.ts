// The gold measure of the E2E task: which attributes a restaurant description misses, states wrongly or adds.
// Patterns per value, written for this project. Repetitions are not counted; wordings of one level are accepted for
// each other; where a wording can mean several values, the prompt's wins.
import { findFamily } from "./e2e_family.ts";
import { findLevels, type Level, type LevelMatch } from "./e2e_levels.ts";
import { judgePlaces } from "./e2e_places.ts";
import { type Found, judgeFound, type Verdict } from "./found_values.ts";
import type { SlotErrors } from "./slot_errors.ts";
import { parseSlotPrompt } from "./slot_prompt.ts";

/** Raised whenever a text could be judged differently than before. */
export const E2E_CHECKER_VERSION = "e2e-1";

/** Errors of a text against its prompt. */
export function checkE2e(prompt: string, text: string): SlotErrors {
  const attributes = parseSlotPrompt(prompt);
  const { name, near, rest } = judgePlaces(text, {
    name: attributes.get("name"),
    near: attributes.get("near"),
  });
  const plain = rest.toLowerCase().replace(/[‐‑–—]/g, "-").replace(/\s+/g, " ");
  const levels = findLevels(plain);
  const found: Record<string, Found[]> = {
    eatType: EAT_TYPES.flatMap((pattern) => findPattern(plain, pattern)),
    food: FOODS.flatMap((pattern) => findPattern(plain, pattern)),
    area: findArea(plain),
    priceRange: asFound(levels.price, PRICE_VALUES),
    "customer rating": asFound(levels.rating, RATING_VALUES),
    familyFriendly: findFamily(plain),
  };
  const verdicts = new Map<string, Verdict>([["name", name], ["near", near]]);
  for (const [slot, entries] of Object.entries(found)) {
    verdicts.set(slot, judgeFound(entries, attributes.get(slot)));
  }

  const missing = [...attributes].filter(([slot]) => !(verdicts.get(slot)?.isStated ?? false))
    .map(([slot, value]) => `${slot}[${value}]`);
  const added = [...verdicts].flatMap(([slot, verdict]) => verdict.added.map((value) => `${slot}[${value}]`));
  return { missing, added, numSlots: attributes.size };
}

const PRICE_VALUES = {
  low: ["cheap", "less than £20"],
  mid: ["moderate", "£20-25"],
  high: ["high", "more than £30"],
};
const RATING_VALUES = {
  low: ["low", "1 out of 5"],
  mid: ["average", "3 out of 5"],
  high: ["high", "5 out of 5"],
};

/** Levels as the values of a slot that share them. */
function asFound(
  matches: readonly LevelMatch[],
  valuesOf: Readonly<Record<Level, readonly string[]>>,
): Found[] {
  return matches.map(({ levels, isVague }) => ({
    values: levels.length === 0 ? ["another value"] : levels.flatMap((level) => valuesOf[level]),
    isVague,
  }));
}

interface Pattern extends Found {
  pattern: RegExp;
}

/** Any place may be called a restaurant, so that word never counts as added. */
const EAT_TYPES: readonly Pattern[] = [
  { values: ["pub"], pattern: /\bpubs?\b|\bpublic house/u },
  { values: ["coffee shop"], pattern: /\bcoffee[- ]?(?:shops?|houses?|bars?|place)/u },
  { values: ["coffee shop"], pattern: /\bcoffee\b|\bcaf[eé]s?(?![\p{L}])/u, isVague: true },
  {
    values: ["restaurant"],
    pattern: /\brestaurants?\b|\beater(?:y|ies)\b|\bdiner\b|\bbistro\b/u,
    isVague: true,
  },
];

const FOODS: readonly Pattern[] = [
  { values: ["Chinese"], pattern: /\bchinese\b/u },
  { values: ["English"], pattern: /\b(?:english|british)\b/u },
  { values: ["Fast food"], pattern: /\bfast[- ]?foods?\b/u },
  { values: ["French"], pattern: /\bfrench\b(?! fr(?:y|ies))/u },
  { values: ["Indian"], pattern: /\bindian\b/u },
  { values: ["Italian"], pattern: /\bitalian\b/u },
  { values: ["Japanese"], pattern: /\bjapanese\b/u },
];

function findPattern(text: string, { pattern, values, isVague }: Pattern): Found[] {
  return pattern.test(text) ? [{ values, isVague }] : [];
}

/** "The city's riverside" names the riverside: a bare "city" or "town" says nothing beside a clear area. */
function findArea(text: string): Found[] {
  const found: Found[] = [];
  if (/\briver|\bwater(?:front|side)/u.test(text)) found.push({ values: ["riverside"] });
  if (/\bcent(?:re|er|ral)\b|\bdowntown\b/u.test(text)) found.push({ values: ["city centre"] });
  if (found.length === 0 && /\bcity\b/u.test(text)) found.push({ values: ["city centre"] });
  return found;
}
