// priceRange and customer rating of the E2E task. Both are levels said with the same words ("high", "average"), so
// every level word is given to the price or rating noun it belongs to before its level is read.
import { type AmountPattern, PRICE_AMOUNTS, RATING_AMOUNTS } from "./e2e_amounts.ts";

export type Level = "low" | "mid" | "high";

export interface LevelMatch {
  /** The levels it can mean; none: a level that the task does not know. */
  levels: readonly Level[];
  /** Too vague to count as added. */
  isVague?: boolean;
}

export interface LevelsFound {
  price: LevelMatch[];
  rating: LevelMatch[];
}

/** Every statement of a price or a rating; `text` is lower case and free of place names. */
export function findLevels(text: string): LevelsFound {
  const found: LevelsFound = { price: [], rating: [] };
  let rest = text.replace(/\btwenty[ -]five\b/g, "25").replace(/\btwenty\b/g, "20").replace(
    /\bthirty\b/g,
    "30",
  )
    .replace(BESIDE_AVERAGE, (_, side: string) => (IS_ABOVE.test(side) ? ABOVE_AVERAGE : BELOW_AVERAGE));
  rest = takeAmounts(rest, RATING_AMOUNTS, found.rating);
  const hasRatingNumber = found.rating.length > 0, hasPriceNumber = /£|\d\d/.test(rest);
  rest = takeAmounts(rest, PRICE_AMOUNTS, found.price);
  for (const pattern of [LEVEL_THEN_NOUN, NOUN_THEN_LEVEL, RANGE]) {
    rest = takeOut(rest, pattern, ({ groups }) => {
      const word = groups?.level ?? "", isRating = groups?.rating !== undefined;
      const match: LevelMatch = { levels: levelsOf(word, groups?.not !== undefined) };
      // "an average customer rating of 1 out of 5" is a mean, not a level.
      const isMean = word === "average" && (isRating ? hasRatingNumber : hasPriceNumber);
      const isQuality = /^(?:quality|standard)/.test(groups?.rating ?? "");
      if (isRating) found.rating.push({ ...match, isVague: isMean || isQuality });
      else if (IS_PRAISE.test(word)) found.price.push({ levels: ["low", "mid"], isVague: true });
      else found.price.push({ ...match, isVague: isMean });
    });
  }
  return found;
}

function takeAmounts(text: string, patterns: readonly AmountPattern[], sink: LevelMatch[]): string {
  return patterns.reduce(
    (rest, { pattern, read }) => takeOut(rest, pattern, (match) => sink.push(read(match))),
    text,
  );
}

/** Hands every match over and blanks it out, word by word, so that distances stay true. */
function takeOut(text: string, pattern: RegExp, take: (match: RegExpExecArray) => void): string {
  let out = "", from = 0;
  for (const match of text.matchAll(pattern)) {
    take(match);
    out += text.slice(from, match.index) + match[0].replace(/[^\s]+/g, "▢");
    from = match.index + match[0].length;
  }
  return out + text.slice(from);
}

const LEVEL_WORDS: Readonly<Record<Level, string>> = {
  low: "low(?:er|est|ly)?|poor(?:ly|er)?|bad(?:ly)?|terribl[ey]|worst|unfavou?rabl[ey]",
  mid:
    "average(?:ly)?|moderate(?:ly|d)?|medium|mid|middle|mid-range|decent(?:ly)?|mediocre|fair(?:ly)?|standard|intermediate|ok|okay",
  high:
    "high(?:er|est|ly)?|excellent(?:ly)?|great(?:ly)?|good|top|well|best|outstanding|superb(?:ly)?|fantastic(?:ally)?|perfect|premium|positive(?:ly)?|favou?rabl[ey]",
};
const LEVELS = ["low", "mid", "high"] as const;
const LEVEL_OF_WORD = LEVELS.map((level) => [level, new RegExp(`^(?:${LEVEL_WORDS[level]})$`)] as const);

/** "above average", "lower than the average": not the average itself. They stand as one word each while reading. */
const BESIDE_AVERAGE =
  /\b(above|over|below|under|(?:higher|better|more|lower|less|worse) than)(?: the| an)? average\b/g;
const IS_ABOVE = /^(?:above|over|higher|better|more)/;
const ABOVE_AVERAGE = "aboveaverage", BELOW_AVERAGE = "belowaverage";

/** A good price is a low one, or a fair one. */
const IS_PRAISE = /^(?:good|great|excellent|fair|decent|fantastic|best|ok|okay|well|perfect)/;

function levelsOf(word: string, isNegated: boolean): readonly Level[] {
  if (word === ABOVE_AVERAGE) return ["high", "mid"];
  if (word === BELOW_AVERAGE) return ["low"];
  const level = LEVEL_OF_WORD.find(([, pattern]) => pattern.test(word))?.[0];
  return LEVELS.filter((other) => (other === level) !== isNegated);
}

const ANY_LEVEL = [ABOVE_AVERAGE, BELOW_AVERAGE, ...Object.values(LEVEL_WORDS)].join("|");
const PRICE_NOUN = "pric(?:e|es|ed|ing|ings)|costs?|costing|expense";
const RATING_NOUN = [
  "rat(?:e|es|ed|ing|ings)|reviews?|reviewed|customers?|consumers?|scores?|scored|stars?|feedback|satisfaction",
  "reputation|approval|recommend(?:ed|ation|ations)|regarded|ranked|ranking|quality|standards?",
].join("|");
const NOUN = `(?:(?<price>${PRICE_NOUN})|(?<rating>${RATING_NOUN}))`;
/** Where the reach of a level word ends on its way to a noun: another thing begins there. */
const OTHER_THING = [
  "and|but|or|with|is|are|was|has|have|having|it|its|that|which|located|situated|near|for|serves?|serving|offers?",
  "offering|restaurants?|pubs?|coffee|shops?|places?|foods?|cuisine|by|while|although|though|however|you",
].join("|");
/** Where the reach of a noun ends on its way to a level word. */
const OTHER_CLAUSE = "and|but|with|near|while|although|though|however|for|serves?";
const gap = (count: number, stops: string) =>
  `(?:(?!(?:${stops})(?![\\p{L}]))[\\p{L}\\p{N}'’]+[ -]+){0,${count}}?`;
const NOT =
  "(?<not>(?:\\bnot|\\p{L}+n['’]t|\\bnever|\\bno)[ -](?:(?:get|got|give|have|receive|earn)\\w* (?:it )?)?" +
  "(?:very |so |particularly |that |too |a |the |highly )?)?";

/** "high customer rating", "moderately priced". */
const LEVEL_THEN_NOUN = new RegExp(
  `${NOT}(?<![\\p{L}])(?<level>${ANY_LEVEL})[ -]+${gap(2, OTHER_THING)}${NOUN}(?![\\p{L}])` +
    "(?:[ -]+(?:rating|rated|ratings|ranges?|reviews?|scores?|satisfaction))?",
  "gu",
);
/** "the prices are high", "rated as average", "price range: moderate". */
const NOUN_THEN_LEVEL = new RegExp(
  `(?<![\\p{L}])${NOUN}[ :-]+${gap(4, OTHER_CLAUSE)}${NOT}(?<level>${ANY_LEVEL})(?![\\p{L}])`,
  "gu",
);
/** "mid-range", "in the high range": a range is one of prices. */
const RANGE = /\b(?<level>low|mid|moderate|medium|average|middle|high|higher)[- ](?:end[- ])?ranged?\b/gu;
