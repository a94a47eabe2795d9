// What the checker of the made-up task looks for: patterns for every value, written without the generator's tables.
// `\b` and lower case throughout: texts are lowered before they are searched.

/** Slots of which a text names one of several values. The longest match at a place wins. */
export const VALUE_PATTERNS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  kind: {
    "rowing boat": [
      "row(?:ing|ed)[- ](?:boats?|ferry|ferries)",
      "rowboats?",
      "(?:boats?|ferry|ferries) with oars",
    ],
    "sailing boat": [
      "sailing[- ](?:boats?|ferry|ferries)",
      "sailboats?",
      "(?:boats?|ferry|ferries) with (?:a )?sails?",
    ],
    "sailing barge": ["sailing[- ]barges?", "barges? with (?:a )?sails?"],
    "steam barge": ["steam[- ]barges?", "barges? with (?:an )?engines?"],
    "steam launch": ["steam[- ]launch(?:es)?", "steamers?"],
    "paddle boat": [
      "paddle[- ](?:boats?|ferry|ferries)",
      "(?:boats?|ferry|ferries) with (?:a )?paddle wheels?",
    ],
    "cable raft": ["cable[- ]rafts?", "rafts? on (?:a )?(?:rope|cable)s?"],
  },
  fare: {
    "1 shell": ["(?:1|one|a|a single) shell"],
    "2 shells": ["(?:2|two|a pair of) shells"],
    "3 shells": ["(?:3|three) shells"],
    "5 shells": ["(?:5|five) shells"],
    "2 pearls": ["(?:2|two|a pair of) pearls"],
    "3 pearls": ["(?:3|three) pearls"],
    "5 pearls": ["(?:5|five) pearls"],
    free: [
      "free of charge",
      "free",
      "(?:costs?|for) nothing",
      "no fare",
      "(?:does not|doesn't|never) (?:ask|asks|charge|charges)(?: for)?(?: a| any)? fare",
    ],
  },
  time: {
    "10 minutes": ["(?:10|ten) minutes"],
    "20 minutes": ["(?:20|twenty) minutes"],
    "half an hour": ["half an hour", "(?:30|thirty) minutes"],
    "an hour": ["(?:an|one|1) hour", "(?:60|sixty) minutes"],
    "an hour and a half": ["(?:an|one) hour and a half", "one and a half hours", "(?:90|ninety) minutes"],
    "two hours": ["(?:two|2) hours"],
  },
  deck: {
    "open deck": ["open[- ]deck(?:ed)?", "decks? without a roof"],
    "low deck": ["low[- ]deck(?:ed)?", "decks? close to the water"],
    "lower deck": ["lower deck", "(?:second )?decks? below"],
    "upper deck": ["upper deck", "(?:second )?decks? above"],
    "glass deck": ["glass[- ]deck(?:ed)?", "decks? of glass"],
  },
};

/** Things to eat and drink; the value is the set of those a text names. */
export const FOOD_PATTERNS: Readonly<Record<string, string>> = {
  tea: "teas?",
  soup: "soups?",
  cake: "cakes?",
};
export const FOOD_VALUES: Readonly<Record<string, readonly string[]>> = {
  tea: ["tea"],
  soup: ["soup"],
  cake: ["cake"],
  "tea and cake": ["tea", "cake"],
  "tea and soup": ["tea", "soup"],
  "soup and cake": ["soup", "cake"],
};

/** Yes/no slots: what means yes and what means no where nothing negates it. */
export const YES_NO_PATTERNS: Readonly<Record<string, { yes: readonly string[]; no: readonly string[] }>> = {
  dogs: {
    yes: ["dog[- ]friendly", "dogs?"],
    no: ["dog[- ]free", "leaves? (?:all )?dogs? (?:ashore|behind)", "turns? (?:all )?dogs? away"],
  },
  winter: {
    yes: ["winter", "all[- ]year", "year[- ]round"],
    no: [
      "(?:rests?|stops?|pauses?|sleeps?) (?:in|for|over|during|through) (?:the )?winter",
      "except (?:in|for|during) (?:the )?winter",
      "summer",
    ],
  },
  night: {
    yes: ["night", "after dark", "day[- ]and[- ]night", "under the stars"],
    no: ["by day only", "only by day", "daytime", "stops? at dusk", "before dark"],
  },
};

/** Words that negate what follows them in the same clause. */
export const NEGATORS = ["no", "not", "never", "neither", "nor", "without", "cannot", "[a-z]+n't"];

/** What ends the reach of a negation. */
export const CLAUSE_ENDS = ["[.,;:!?]", "and", "but", "that", "which", "it", "she"];
