// Places of the E2E task: the values of `name` and `near`, found verbatim and blanked out of the text.
import { type Found, judgeFound, type Verdict } from "./found_values.ts";

const NAMES = [
  ...["Alimentum", "Aromi", "Bibimbap House", "Blue Spice", "Browns Cambridge", "Clowns", "Cocum", "Cotto"],
  ...["Fitzbillies", "Giraffe", "Green Man", "Loch Fyne", "Midsummer House", "Strada", "Taste of Cambridge"],
  ...["The Cambridge Blue", "The Cricketers", "The Dumpling Tree", "The Eagle", "The Golden Curry"],
  ...["The Golden Palace", "The Mill", "The Olive Grove", "The Phoenix", "The Plough", "The Punter"],
  ...["The Rice Boat", "The Twenty Two", "The Vaults", "The Waterman", "The Wrestlers"],
  ...["Travellers Rest Beefeater", "Wildwood", "Zizzi"],
];
const NEARS = [
  ...["All Bar One", "Avalon", "Burger King", "Café Adriatic", "Café Brazil", "Café Rouge", "Café Sicilia"],
  ...["Clare Hall", "Crowne Plaza Hotel", "Express by Holiday Inn", "Rainbow Vegetarian Café"],
  ...["Raja Indian Cuisine", "Ranch", "The Bakers", "The Portland Arms", "The Rice Boat", "The Six Bells"],
  ...["The Sorrento", "Yippee Noodle Bar"],
];

export interface PlacesVerdict {
  name: Verdict;
  near: Verdict;
  /** The text with every place blanked out, so that "Rainbow Vegetarian Café" is no coffee shop. */
  rest: string;
}

/** What a text says about name and near; both are looked for as one, since a sentence may swap their order. */
export function judgePlaces(text: string, { name, near }: { name?: string; near?: string }): PlacesVerdict {
  const found: Found[] = [];
  const rest = text.normalize("NFC").replace(patternFor([name, near]), (match) => {
    // "the mill" in lower case may be any mill: enough for the prompt's place, too little for another one.
    found.push({ values: [placeKey(match)], isVague: match === match.toLowerCase() });
    return BLANK;
  });
  const wanted = { name: keyOrNone(name), near: keyOrNone(near) };
  const known = [wanted.name, wanted.near];
  const added = judgeFound(found.filter(({ values }) => !known.includes(values[0])), undefined).added;
  const isNear = (key: string) => !NAME_KEYS.has(key);
  return {
    name: {
      isStated: judgeFound(found, wanted.name).isStated,
      added: added.filter((key) => !isNear(key)).map(placeOf),
    },
    near: { isStated: judgeFound(found, wanted.near).isStated, added: added.filter(isNear).map(placeOf) },
    rest,
  };
}

/** Stands where a place stood; a word of its own that no pattern knows. */
const BLANK = "▢";

/** What spellings of one place share: lower case, no leading "the", no accents, no apostrophes, spaces for hyphens. */
function placeKey(place: string): string {
  return place.normalize("NFD").replace(/[\p{M}'’]/gu, "").toLowerCase().replace(/-/g, " ").replace(
    /^the /,
    "",
  );
}

const keyOrNone = (place: string | undefined) => (place === undefined ? undefined : placeKey(place));

const NAME_KEYS: ReadonlySet<string> = new Set(NAMES.map(placeKey));
const PLACES: ReadonlyMap<string, string> = new Map(
  [...NEARS, ...NAMES].map((place) => [placeKey(place), place]),
);
const placeOf = (key: string) => PLACES.get(key) ?? key;

/** Any known place, or one of the prompt's own that is not known. */
function patternFor(own: readonly (string | undefined)[]): RegExp {
  const further = own.filter((place) => place !== undefined).map(placeKey).filter((key) => !PLACES.has(key));
  return further.length === 0 ? KNOWN_PLACE : anyPlace([...PLACES.keys(), ...further]);
}

/** Any of the places, the longest first, with or without "the", accents and apostrophes. */
function anyPlace(keys: readonly string[]): RegExp {
  const sources = keys.toSorted((a, b) => b.length - a.length).map((key) =>
    [...key].map((letter) => SPELLINGS[letter] ?? letter.replace(/[^\p{L}\p{N}]/u, "\\$&")).join("['’]?")
  );
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${sources.join("|")})(?![\\p{L}\\p{N}])`, "giu");
}

const SPELLINGS: Readonly<Record<string, string>> = { e: "[eéè]", " ": "[ -]" };
const KNOWN_PLACE = anyPlace([...PLACES.keys()]);
