// How the made-up attributes are said: for every slot the frames around a value and the ways to say each value.
// Written for the generator alone: the checker has its own patterns, so that neither can hide the other's mistakes.
// Size: tables of phrases, better read in one piece.

/** Where in a sentence a phrase can stand. */
export type Role = "verb" | "after" | "front" | "adjective";

type Phrases = { readonly [role in Role]?: readonly string[] };

interface SlotWording {
  /** Phrases with `{}` where one of the value's nouns goes. */
  readonly frames: Phrases;
  /** Ways to name a value; they fill the frames. */
  readonly nouns?: Readonly<Record<string, readonly string[]>>;
  /** Phrases of one value that fit no frame. */
  readonly own?: Readonly<Record<string, Phrases>>;
}

export const WORDINGS: Readonly<Record<string, SlotWording>> = {
  from: {
    frames: {
      verb: ["leaves from {}", "starts at {}", "sets out from {}", "has its home at {}", "casts off at {}"],
      after: ["from {}", "out of {}"],
      front: ["From {}", "Starting at {}"],
    },
  },
  to: {
    frames: {
      verb: ["sails to {}", "goes to {}", "crosses to {}", "calls at {}", "lands at {}", "makes for {}"],
      after: ["to {}", "bound for {}"],
      front: ["Bound for {}", "On the way to {}"],
    },
  },
  fare: {
    frames: {
      verb: ["costs {}", "charges {}", "asks {} a seat", "can be had for {}"],
      after: ["for {}", "at {} a seat"],
      front: ["For {}"],
    },
    nouns: {
      "1 shell": ["1 shell", "one shell", "a single shell"],
      "2 shells": ["2 shells", "two shells", "a pair of shells"],
      "3 shells": ["3 shells", "three shells"],
      "5 shells": ["5 shells", "five shells"],
      "2 pearls": ["2 pearls", "two pearls", "a pair of pearls"],
      "3 pearls": ["3 pearls", "three pearls"],
      "5 pearls": ["5 pearls", "five pearls"],
      free: [],
    },
    own: {
      free: {
        verb: ["costs nothing", "is free", "charges no fare", "does not ask for a fare"],
        after: ["free of charge", "for nothing"],
        adjective: ["free"],
      },
    },
  },
  time: {
    frames: {
      verb: ["takes {}", "needs {}", "arrives in {}", "is there in {}", "spends {} on the water"],
      after: ["with a crossing of {}"],
      front: ["In {}", "Within {}"],
    },
    nouns: {
      "10 minutes": ["10 minutes", "ten minutes"],
      "20 minutes": ["20 minutes", "twenty minutes"],
      "half an hour": ["half an hour", "30 minutes", "thirty minutes"],
      "an hour": ["an hour", "one hour", "60 minutes"],
      "an hour and a half": ["an hour and a half", "90 minutes", "one and a half hours"],
      "two hours": ["two hours", "2 hours"],
    },
  },
  deck: {
    frames: { verb: ["has {}", "offers {}", "comes with {}"], after: ["with {}"] },
    nouns: {
      "open deck": ["an open deck", "a deck without a roof"],
      "low deck": ["a low deck", "a deck close to the water"],
      "lower deck": ["a lower deck", "a second deck below"],
      "upper deck": ["an upper deck", "a second deck above"],
      "glass deck": ["a glass deck", "a deck of glass"],
    },
    own: {
      "open deck": { adjective: ["open-decked"] },
      "low deck": { adjective: ["low-decked"] },
      "glass deck": { adjective: ["glass-decked"] },
    },
  },
  food: {
    frames: {
      verb: ["serves {}", "sells {}", "has {} on board", "treats guests to {}"],
      after: ["with {} on board"],
    },
    nouns: {
      tea: ["tea", "hot tea", "a cup of tea"],
      soup: ["soup", "hot soup", "a bowl of soup"],
      cake: ["cake", "a slice of cake"],
      "tea and cake": ["tea and cake", "cake and tea", "tea with cake"],
      "tea and soup": ["tea and soup", "soup and tea"],
      "soup and cake": ["soup and cake", "soup with cake"],
    },
  },
  dogs: {
    frames: {},
    own: {
      yes: {
        verb: [
          "takes dogs",
          "welcomes dogs",
          "lets dogs on board",
          "has room for dogs",
          "never turns dogs away",
        ],
        after: ["with room for dogs"],
        adjective: ["dog-friendly"],
      },
      no: {
        verb: [
          "does not take dogs",
          "takes no dogs",
          "leaves dogs ashore",
          "has no room for dogs",
          "turns dogs away",
        ],
        after: ["without room for dogs"],
        adjective: ["dog-free"],
      },
    },
  },
  winter: {
    frames: {},
    own: {
      yes: {
        verb: [
          "sails in winter",
          "runs all year",
          "does not rest in winter",
          "works in winter too",
          "braves the winter",
        ],
        adjective: ["all-year"],
      },
      no: {
        verb: [
          "does not sail in winter",
          "rests in winter",
          "stops for the winter",
          "never runs in winter",
          "sleeps through the winter",
        ],
        adjective: ["summer"],
      },
    },
  },
  night: {
    frames: {},
    own: {
      yes: {
        verb: [
          "sails at night",
          "runs after dark",
          "does not stop at dusk",
          "works at night too",
          "sails under the stars",
        ],
        adjective: ["day-and-night"],
      },
      no: {
        verb: [
          "does not sail at night",
          "runs by day only",
          "stops at dusk",
          "never runs after dark",
          "goes home before dark",
        ],
        adjective: ["daytime"],
      },
    },
  },
};

/** Nouns for the kind of ferry, and for one of unknown kind. */
export const KIND_NOUNS: Readonly<Record<string, readonly string[]>> = {
  "rowing boat": ["rowing boat", "rowed ferry", "boat with oars"],
  "sailing boat": ["sailing boat", "sailing ferry", "boat with a sail"],
  "sailing barge": ["sailing barge", "barge with a sail"],
  "steam barge": ["steam barge", "barge with an engine"],
  "steam launch": ["steam launch", "little steamer"],
  "paddle boat": ["paddle boat", "paddle ferry", "boat with a paddle wheel"],
  "cable raft": ["cable raft", "raft on a rope"],
};
export const ANY_KIND_NOUNS: readonly string[] = ["ferry", "boat", "vessel"];

/** Phrases that say two attributes at once; `{0}` and `{1}` are nouns of the first and the second slot. */
export const JOINT_WORDINGS: readonly {
  readonly slots: readonly [string, string];
  /** The pair of values it says; absent: any. */
  readonly values?: readonly [string, string];
  readonly role: Role;
  readonly phrases: readonly string[];
}[] = [
  {
    slots: ["from", "to"],
    role: "verb",
    phrases: ["goes from {0} to {1}", "links {0} with {1}", "crosses from {0} to {1}"],
  },
  { slots: ["from", "to"], role: "after", phrases: ["from {0} to {1}", "to {1} from {0}"] },
  {
    slots: ["winter", "night"],
    values: ["yes", "no"],
    role: "verb",
    phrases: ["sails in winter but not at night", "runs all year but only by day"],
  },
  {
    slots: ["winter", "night"],
    values: ["no", "yes"],
    role: "verb",
    phrases: ["sails at night but not in winter", "runs after dark except in winter"],
  },
  {
    slots: ["winter", "night"],
    values: ["no", "no"],
    role: "verb",
    phrases: ["sails neither in winter nor at night", "does not sail at night or in winter"],
  },
  {
    slots: ["winter", "night"],
    values: ["yes", "yes"],
    role: "verb",
    phrases: ["sails in winter and at night", "runs day and night all year"],
  },
  {
    slots: ["dogs", "winter"],
    values: ["no", "no"],
    role: "verb",
    phrases: ["neither takes dogs nor sails in winter"],
  },
  {
    slots: ["dogs", "winter"],
    values: ["yes", "no"],
    role: "verb",
    phrases: ["takes dogs except in winter"],
  },
  {
    slots: ["dogs", "night"],
    values: ["no", "no"],
    role: "verb",
    phrases: ["neither takes dogs nor sails at night"],
  },
];

/** Nouns of a value: its own ways to say it, or the value as it stands. */
export function nounsOf(slot: string, value: string): readonly string[] {
  return WORDINGS[slot]?.nouns?.[value] ?? [value];
}

/** Every phrase that says one attribute in one role, the common ones first. */
export function phrasesFor(slot: string, value: string, role: Role): string[] {
  const wording = WORDINGS[slot];
  const own = wording.own?.[value]?.[role] ?? [];
  const nouns = nounsOf(slot, value);
  const filled = (wording.frames[role] ?? []).flatMap((frame, f) =>
    nouns.map((noun, n) => ({ rank: f + n, phrase: frame.replace("{}", noun) }))
  );
  return [...own, ...filled.sort((a, b) => a.rank - b.rank).map(({ phrase }) => phrase)];
}
