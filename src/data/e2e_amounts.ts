// Prices and ratings of the E2E task that need no noun to be understood: amounts, stars, "cheap", "expensive".
import type { LevelMatch } from "./e2e_levels.ts";

export interface AmountPattern {
  pattern: RegExp;
  read(match: RegExpExecArray): LevelMatch;
}

const low = (): LevelMatch => ({ levels: ["low"] });
const mid = (): LevelMatch => ({ levels: ["mid"] });
const high = (): LevelMatch => ({ levels: ["high"] });
const vaguely = (...levels: LevelMatch["levels"]) => (): LevelMatch => ({ levels, isVague: true });

const POUND = "(?:£|gbp|€|\\$)? ?";
const END = "(?![\\p{N}])";
const LESS = "(?:less|lower|cheaper|fewer|no more|not more)(?: \\w+)? than";
const MORE =
  "(?:more|higher|greater|no less|not less|upwards?|excess|over|above|at least|minimum|from|start\\w*)(?: (?:than|of|at|from))*";
const AND_MORE = "(?:\\+|plus|(?:and|or) (?:up|over|more|above|higher|upwards?))";

/** Patterns of prices, tried in this order; what one has matched the next ones do not see. */
export const PRICE_AMOUNTS: readonly AmountPattern[] = [
  { pattern: unicode(`${POUND}20 ?(?:-|to|and|or|through|until) ?${POUND}25${END}`), read: mid },
  { pattern: unicode(`(?:${LESS}|under|below|up to|within|beneath|sub) ?-?${POUND}20${END}`), read: low },
  { pattern: unicode(`${POUND}20 (?:or|and) (?:less|under|below)`), read: low },
  { pattern: unicode(`${MORE} ${POUND}30${END}(?: ?\\+)?|${POUND}30 ?${AND_MORE}`), read: high },
  { pattern: /£ ?(?<amount>\d+)|(?<words>\d+) ?(?:pounds|gbp|euros?|quid)/gu, read: readAmount },
  { pattern: /(?:\bnot|n['’]t|\bless) (?:\w+ )?(?:expensive|pricey|costly)/gu, read: vaguely("low", "mid") },
  { pattern: /(?:\bnot|n['’]t) (?:\w+ )?(?:cheap|inexpensive)/gu, read: vaguely("high", "mid") },
  { pattern: /\b(?:moderately|averagely|reasonably|medium|mid) (?:expensive|cheap)/gu, read: mid },
  {
    pattern: /inexpensive(?:ly)?|cheap(?:er|est|ly)?(?: price[ds]?| pricing)?(?: range)?|low[- ]cost/gu,
    read: low,
  },
  { pattern: /expensive(?:ly)?|pricey|pricier|costly/gu, read: high },
  {
    pattern: /(?:affordabl|reasonabl|economical)\w*(?: pric(?:e[ds]?|ing))?(?: range)?/gu,
    read: ({ input }) => ({ levels: ["low", "mid"], isVague: /£|\d\d/.test(input) }),
  },
  { pattern: /\bbudget\w*|value for money|(?:good|great) value/gu, read: vaguely("low", "mid") },
  {
    pattern: /\b(?:high[- ]end|upscale|upmarket|luxur\w+|fancy|posh|fine dining)\b/gu,
    read: vaguely("high"),
  },
];

const STAR = "(?<![\\p{L}\\p{N}£.])(?<number>[1-5]|one|two|three|four|five)";

/** Patterns of ratings, tried in this order. */
export const RATING_AMOUNTS: readonly AmountPattern[] = [
  {
    pattern: unicode(
      `${STAR}(?: stars?| points?)?(?: ?/ ?| (?:out )?of (?:a (?:possible )?)?)(?:5|five)${END}(?: stars?)?`,
    ),
    read: readRating,
  },
  { pattern: unicode(`${STAR}[ -]?stars?(?![\\p{L}])`), read: readRating },
  {
    pattern: unicode(`\\brat(?:ed|ing)(?: (?:is|of|at|as|it|a))* ${STAR}(?![\\p{L}\\p{N}])`),
    read: readRating,
  },
];

function unicode(source: string): RegExp {
  return new RegExp(source, "gu");
}

/** A bare amount speaks for the range it lies in; 20 may be the end of one or the start of the next. */
function readAmount({ groups }: RegExpExecArray): LevelMatch {
  const amount = Number(groups?.amount ?? groups?.words);
  if (amount === 20) return { levels: ["low", "mid"] };
  return { levels: [amount < 20 ? "low" : amount < 30 ? "mid" : "high"] };
}

/** Two and four stars are no value of the task: they are read, and mean none of its levels. */
function readRating({ groups }: RegExpExecArray): LevelMatch {
  switch (groups?.number) {
    case "1":
    case "one":
      return low();
    case "3":
    case "three":
      return mid();
    case "5":
    case "five":
      return high();
    default:
      return { levels: [] };
  }
}
