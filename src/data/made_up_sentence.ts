// Writes one text for a list of made-up attributes: draws a plan, a place in it for every attribute, and a wording.
// Every attribute is said exactly once, so a demonstration is right by construction.
import { MADE_UP_DIFFICULTY } from "./made_up_domain.ts";
import {
  ANY_KIND_NOUNS,
  JOINT_WORDINGS,
  KIND_NOUNS,
  nounsOf,
  phrasesFor,
  type Role,
} from "./made_up_wording.ts";

/** A uniform number in [0, 1). */
export type Draw = () => number;

/** What is said in one phrase: an attribute or an aggregated pair, with the roles open to it. */
interface Unit {
  phrases: Partial<Record<Role, string[]>>;
  /** False for a negated yes/no attribute: decides between "and" and "but". */
  affirmative: boolean;
  isYesNo: boolean;
}

interface Parts {
  name: string;
  noun: string;
  hasKind: boolean;
  front?: string;
  adjective?: string;
  after: string[];
  verbs: { text: string; unit: Unit }[];
}

/** One or two sentences that state the attributes, `name` among them, and nothing else. */
export function writeMadeUp(attributes: ReadonlyMap<string, string>, draw: Draw): string {
  for (;;) {
    const text = writeOnce(attributes, draw);
    if (numWords(text) <= MADE_UP_DIFFICULTY.maxWords) return text;
  }
}

/** The item at a place drawn with weight (place + 1)^-skew. */
export function pickSkewed<T>(items: readonly T[], skew: number, draw: Draw): T {
  const weights = items.map((_, place) => (place + 1) ** -skew);
  let rest = draw() * weights.reduce((sum, weight) => sum + weight, 0);
  const place = weights.findIndex((weight) => (rest -= weight) < 0);
  return items[place < 0 ? items.length - 1 : place];
}

const pickWording = (items: readonly string[], draw: Draw) =>
  pickSkewed(items, MADE_UP_DIFFICULTY.wordingSkew, draw);

const numWords = (text: string) => (text.match(/[\p{L}\p{N}'-]+|[^\s\p{L}\p{N}'-]/gu) ?? []).length;

function writeOnce(attributes: ReadonlyMap<string, string>, draw: Draw): string {
  const units = shuffled(unitsOf(attributes, draw), draw);
  const kind = attributes.get("kind");
  const parts: Parts = {
    name: `the ${attributes.get("name")}`,
    noun: pickWording(kind === undefined ? ANY_KIND_NOUNS : KIND_NOUNS[kind], draw),
    hasKind: kind !== undefined,
    after: [],
    verbs: [],
  };
  const plan = PLANS[Math.floor(draw() * PLANS.length)];
  placeUnits(units, plan, { parts, draw });
  return plan.write(parts, draw);
}

/** Attributes as units, some pairs of them aggregated. */
function unitsOf(attributes: ReadonlyMap<string, string>, draw: Draw): Unit[] {
  const open = new Map([...attributes].filter(([slot]) => slot !== "name" && slot !== "kind"));
  const units: Unit[] = [];
  for (const joint of shuffled(JOINT_WORDINGS, draw)) {
    const [first, second] = joint.slots.map((slot) => open.get(slot));
    if (first === undefined || second === undefined) continue;
    if (joint.values !== undefined && (joint.values[0] !== first || joint.values[1] !== second)) continue;
    if (draw() >= MADE_UP_DIFFICULTY.aggregationShare) continue;
    const nouns = [nounsOf(joint.slots[0], first)[0], nounsOf(joint.slots[1], second)[0]];
    const phrases = joint.phrases.map((phrase) => phrase.replace("{0}", nouns[0]).replace("{1}", nouns[1]));
    units.push({ phrases: { [joint.role]: phrases }, affirmative: true, isYesNo: false });
    for (const slot of joint.slots) open.delete(slot);
  }
  for (const [slot, value] of open) {
    const phrases: Unit["phrases"] = {};
    for (const role of ["verb", "after", "front", "adjective"] as const) {
      const found = phrasesFor(slot, value, role);
      if (found.length > 0) phrases[role] = found;
    }
    units.push({ phrases, affirmative: value !== "no", isYesNo: value === "yes" || value === "no" });
  }
  return units;
}

function shuffled<T>(items: readonly T[], draw: Draw): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1));
    const kept = out[i];
    out[i] = out[j];
    out[j] = kept;
  }
  return out;
}

/** Gives every unit a role that the plan has room for; what is left over becomes a verb phrase, or follows the noun. */
function placeUnits(units: Unit[], plan: Plan, { parts, draw }: { parts: Parts; draw: Draw }): void {
  for (const unit of units) {
    const { front, adjective, after, verb } = unit.phrases;
    if (plan.front && parts.front === undefined && front && units.some((u) => u !== unit && u.phrases.verb)) {
      parts.front = pickWording(front, draw);
    } else if (plan.noun && parts.adjective === undefined && adjective && draw() < 0.5) {
      parts.adjective = pickWording(adjective, draw);
    } else if (after && (!verb || (plan.noun && parts.after.length < 2 && draw() < 0.5))) {
      parts.after.push(pickWording(after, draw));
    } else if (verb) parts.verbs.push({ text: pickWording(verb, draw), unit });
  }
}

interface Plan {
  /** Whether there is a noun that adjectives and following phrases can lean on. */
  noun: boolean;
  /** Whether a phrase can stand before the name. */
  front: boolean;
  write(parts: Parts, draw: Draw): string;
}

const PLANS: readonly Plan[] = [
  // The Grey Heron is a free steam launch from Salt Quay. It takes dogs and needs an hour.
  {
    noun: true,
    front: false,
    write: (parts, draw) => `${capital(parts.name)} is ${nounPhrase(parts)}${tail(parts, draw)}`,
  },
  // There is a free steam launch called the Grey Heron that takes dogs.
  {
    noun: true,
    front: false,
    write: (parts, draw) =>
      `There is ${nounPhrase({ ...parts, noun: `${parts.noun} called ${parts.name}` })}${tail(parts, draw)}`,
  },
  // The Grey Heron, a free steam launch, takes dogs.
  {
    noun: true,
    front: false,
    write: (parts, draw) =>
      parts.verbs.length === 0
        ? `${capital(parts.name)} is ${nounPhrase(parts)}.`
        : `${capital(parts.name)}, ${nounPhrase(parts)}, ${predicates(parts, draw)}`,
  },
  // The Grey Heron takes dogs and needs an hour.
  { noun: false, front: false, write: (parts, draw) => plain(parts, draw) },
  // For 2 shells, the Grey Heron sails to Fern Island.
  { noun: false, front: true, write: (parts, draw) => plain(parts, draw) },
];

/** Subject and verb phrases; what leans on a noun makes the subject "the steam launch called Grey Heron". */
function plain(parts: Parts, draw: Draw): string {
  if (parts.verbs.length === 0) return `${capital(parts.name)} is ${nounPhrase(parts)}.`;
  const after = parts.after.length === 0 ? "" : ` ${parts.after.join(" ")}`;
  const subject = parts.hasKind || after !== ""
    ? `the ${parts.noun} called ${parts.name.replace(/^the /, "")}${after}`
    : parts.name;
  const opening = parts.front === undefined ? capital(subject) : `${parts.front}, ${subject}`;
  return `${opening} ${predicates(parts, draw)}`;
}

/** Verb phrases in one or two sentences, with the final stop. */
function predicates({ verbs }: Parts, draw: Draw): string {
  if (verbs.length < 3 || (verbs.length === 3 && draw() < 0.5)) return `${joined(verbs)}.`;
  const numFirst = verbs.length - (draw() < 0.5 ? 2 : 1);
  return `${joined(verbs.slice(0, numFirst))}. ${pronoun(draw)} ${joined(verbs.slice(numFirst))}.`;
}

/** What follows a noun phrase: nothing, a relative clause, or a sentence of its own. */
function tail({ verbs }: Parts, draw: Draw): string {
  if (verbs.length === 0) return ".";
  if (verbs.length < 3 && draw() < 0.5) return ` that ${joined(verbs)}.`;
  return `. ${pronoun(draw)} ${joined(verbs)}.`;
}

const pronoun = (draw: Draw) => (draw() < 0.7 ? "It" : "She");

/** "a, b and c"; two yes/no phrases of opposite sense take "but". */
function joined(verbs: Parts["verbs"]): string {
  const texts = verbs.map(({ text }) => text);
  if (texts.length === 1) return texts[0];
  const [before, last] = verbs.slice(-2).map(({ unit }) => unit);
  const opposed = before.isYesNo && last.isYesNo && before.affirmative !== last.affirmative;
  return `${texts.slice(0, -1).join(", ")} ${opposed ? "but" : "and"} ${texts[texts.length - 1]}`;
}

function nounPhrase({ adjective, noun, after }: Parts): string {
  const words = [adjective, noun, ...after].filter((part) => part !== undefined).join(" ");
  return `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
