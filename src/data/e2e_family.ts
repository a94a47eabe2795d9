// familyFriendly of the E2E task: mentions of families and children, and whether they are negated.
import type { Found } from "./found_values.ts";

const KID = "(?:kids?|child(?:ren)?|famil(?:y|ies)|all ages|youngsters?|toddlers?)(?:['’]s?)?";
const WELCOME =
  "(?:friendly|oriented|orientated|welcom\\w+|suitable|appropriate|accessible|allowed|accepted|permitted)";

/** Wordings that say no by themselves. */
const NO = new RegExp(
  [
    `adults?[- ]only`,
    `for adults`,
    `not for (?:the )?young`,
    `${KID}[- ](?:free|unfriendly)`,
    `un(?:suitable|friendly|welcoming|fit)(?: \\w+){0,2} ${KID}`,
    `(?:leave|keep) (?:the |your )?${KID} (?:at home|away|behind)`,
    `over (?:18|eighteen)s?`,
  ].map((source) => `\\b${source}\\b`).join("|"),
  "gu",
);
/** "an adult pub": says no where nothing is said of children. */
const ADULT = /\badults?\b/u;
const MENTION = new RegExp(`\\b${KID}(?![\\p{L}])`, "gu");

const WELCOME_BEHIND = new RegExp(`^[- ]${WELCOME}`, "u");

/** A negation that reaches the mention behind it: few words apart, with nothing between that begins a new thought. */
const NEGATOR =
  "(?:not|no(?! further| longer| matter)|non|never|nor|neither|without|n['’]t|cannot|isnt|doesnt|arent|lacks?|hardly|un|none|discourag\\w+|prohibit\\w*|bans?|banned|avoid\\w*|exclud\\w+|refus\\w+)";
const GAP =
  `(?:(?!\\b(?:but|however|although|though|yet|while|whilst|and|with|only|just)\\b)[\\p{L}\\p{N}'’/]+[ -]+){0,5}`;
const NEGATED_BEFORE = new RegExp(
  `(?<![\\p{L}])(?:[\\p{L}]+n['’]t|${NEGATOR})[ -]+${GAP}(?:${KID}[ -]+(?:and|or)[ -]+)?$`,
  "u",
);
/** "children are not welcome", "family friendly: no". */
const NEGATED_AFTER = new RegExp(
  `^(?:[- ]${WELCOME})?(?: (?:are|is|will|would|should|can|do|does|may|atmosphere|it))*(?:n['’]t| not\\b(?! only| just)| never\\b|[:,]? no\\b(?! (?:cost|extra)))`,
  "u",
);

/** Every statement for or against families; `text` is lower case and free of place names. */
export function findFamily(text: string): Found[] {
  const found: Found[] = [];
  const rest = text.replace(NO, (match) => {
    found.push({ values: ["no"] });
    return match.replace(/[^\s]+/g, "▢");
  });
  for (const match of rest.matchAll(MENTION)) {
    const before = rest.slice(0, match.index), after = rest.slice(match.index + match[0].length);
    const isNegated = NEGATED_BEFORE.test(before) || NEGATED_AFTER.test(after);
    found.push(isNegated ? { values: ["no"] } : { values: ["yes"], isVague: !WELCOME_BEHIND.test(after) });
  }
  if (found.length === 0 && ADULT.test(rest)) return [{ values: ["no"] }];
  // A bare mention beside a clear statement adds nothing ("not family friendly, leave your children …").
  const clear = found.filter(({ isVague }) => !isVague);
  return clear.length > 0 ? clear : found.map(({ values }) => ({ values }));
}
