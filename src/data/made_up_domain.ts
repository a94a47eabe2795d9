// The made-up domain: ferries of an archipelago that does not exist. Slots, their values, and every difficulty knob.

/** How hard the made-up task is. More values, more skew and more slots make it harder. */
export const MADE_UP_DIFFICULTY = {
  /** Chance of a prompt with 3, 4, 5, 6 slots (the name included). */
  shareBySlots: { 3: 0.35, 4: 0.4, 5: 0.2, 6: 0.05 },
  /** Names in use, of the list below. */
  numNames: 40,
  /** A value at place r of its list (from 1) has weight r^-valueSkew: 0 = all alike, 1 = many rare ones. */
  valueSkew: 0.5,
  /** The same for the wordings of one value. */
  wordingSkew: 0.3,
  /** Chance that two attributes that can be said in one phrase are. */
  aggregationShare: 0.5,
  /** Share of pairs of values that no demonstration shows together. */
  withheldPairShare: 0.04,
  /** Share of demonstrations whose prompt has a demonstration already. */
  repeatedPromptShare: 0.12,
  /** Longest text in words and punctuation marks. */
  maxWords: 32,
} as const;

const FIRST_NAMES = ["Grey", "Silver", "Little", "Old", "Lucky", "Red", "Salty", "Quiet"];
const LAST_NAMES = ["Heron", "Otter", "Lantern", "Kettle", "Anchor", "Button", "Pebble", "Comet"];

/** Names that share their words, and some of three words that contain another name. */
const NAMES = [
  ...FIRST_NAMES.flatMap((first, i) =>
    LAST_NAMES.filter((_, j) => (3 * i + 5 * j) % 8 < 5).map((last) => `${first} ${last}`)
  ),
  "Little Grey Heron",
  "Old Red Lantern",
  "Little Silver Otter",
  "Old Salty Anchor",
];

/** Names in an order in which neighbours share no word, so that the skew does not follow the first word. */
const MIXED_NAMES = NAMES.map((_, place) => NAMES[(place * 17 + 5) % NAMES.length]);

const YES_NO = ["yes", "no"];

/** Every slot with its values, in the order in which prompts list them. */
export const MADE_UP_SLOTS: ReadonlyMap<string, readonly string[]> = new Map([
  ["name", MIXED_NAMES.slice(0, MADE_UP_DIFFICULTY.numNames)],
  ["kind", [
    "sailing boat",
    "steam launch",
    "rowing boat",
    "sailing barge",
    "paddle boat",
    "steam barge",
    "cable raft",
  ]],
  ["from", [
    "Salt Quay",
    "North Pier",
    "Gull Steps",
    "Salt Pier",
    "North Quay",
    "Old Steps",
    "Gull Quay",
    "Old Pier",
  ]],
  ["to", [
    "Fern Island",
    "Salt Rock",
    "North Island",
    "Moth Rock",
    "Fern Rock",
    "Gull Rock",
    "Moth Island",
    "Salt Island",
  ]],
  ["fare", ["2 shells", "free", "3 shells", "3 pearls", "1 shell", "2 pearls", "5 shells", "5 pearls"]],
  ["time", ["half an hour", "20 minutes", "an hour", "10 minutes", "an hour and a half", "two hours"]],
  ["deck", ["open deck", "lower deck", "upper deck", "low deck", "glass deck"]],
  ["food", ["tea", "soup", "tea and cake", "cake", "tea and soup", "soup and cake"]],
  ["dogs", YES_NO],
  ["winter", YES_NO],
  ["night", YES_NO],
]);
