// The made-up task: demonstrations, training prompts and held-out prompts, all from one random key.
// Some pairs of values are withheld from the demonstrations, so that held-out prompts ask for new combinations.
import { type RandomKey, sampleWithoutReplacement, splitKey, uniformStream } from "../base/random.ts";
import { MADE_UP_DIFFICULTY, MADE_UP_SLOTS } from "./made_up_domain.ts";
import { type Draw, pickSkewed, writeMadeUp } from "./made_up_sentence.ts";
import type { Demonstration, EvaluationPrompt } from "./rows.ts";
import { formatSlotPrompt, parseSlotPrompt } from "./slot_prompt.ts";

export interface MadeUpTaskOptions {
  key: RandomKey;
  /** Number of demonstrations. */
  demonstrations: number;
  /** Number of distinct training prompts, the demonstrated ones included; at least as many as those. */
  prompts: number;
  /** Number of held-out prompts. */
  evaluationPrompts: number;
}

export interface MadeUpTask {
  demonstrations: Demonstration[];
  prompts: string[];
  evaluation: EvaluationPrompt[];
}

/** References written for every held-out prompt. */
const NUM_REFERENCES = 2;

/** The whole task; equal options give equal texts. */
export function makeMadeUpTask(
  { key, demonstrations, prompts, evaluationPrompts }: MadeUpTaskOptions,
): MadeUpTask {
  const withheld = withheldPairs(key);
  const used = new Set<string>();
  const numDemonstrated = demonstrations -
    Math.floor(demonstrations * MADE_UP_DIFFICULTY.repeatedPromptShare);
  const demonstrated = drawPrompts(uniformStream(splitKey(key, "demonstrated")), numDemonstrated, {
    used,
    accept: (attributes) => !containsPair(attributes, withheld),
  });
  const further = drawPrompts(
    uniformStream(splitKey(key, "further")),
    Math.max(0, prompts - numDemonstrated),
    { used },
  );
  const heldOut = drawPrompts(uniformStream(splitKey(key, "held-out")), evaluationPrompts, { used });

  const again = sampleWithoutReplacement(
    splitKey(key, "again"),
    demonstrated,
    demonstrations - numDemonstrated,
  );
  const order = sampleWithoutReplacement(splitKey(key, "order"), [...demonstrated, ...again], demonstrations);
  const write = uniformStream(splitKey(key, "wording"));
  const shown = new Set<string>();
  return {
    demonstrations: order.map((prompt) => writeNew(prompt, write, shown)),
    prompts: [...demonstrated, ...further],
    evaluation: heldOut.map((prompt) => ({
      prompt,
      completions: Array.from({ length: NUM_REFERENCES }, () => writeNew(prompt, write, shown).completion),
    })),
  };
}

/** A demonstration that does not repeat an earlier one word for word. */
function writeNew(prompt: string, draw: Draw, shown: Set<string>): Demonstration {
  const attributes = parseSlotPrompt(prompt);
  for (;;) {
    const completion = writeMadeUp(attributes, draw);
    const row = `${prompt}\n${completion}`;
    if (shown.has(row)) continue;
    shown.add(row);
    return { prompt, completion };
  }
}

/** `count` new prompts that are accepted; each is added to `used`. */
function drawPrompts(
  draw: Draw,
  count: number,
  { used, accept = () => true }: { used: Set<string>; accept?: (attributes: Map<string, string>) => boolean },
): string[] {
  const out: string[] = [];
  while (out.length < count) {
    const attributes = drawAttributes(draw);
    const prompt = formatSlotPrompt(attributes);
    if (used.has(prompt) || !accept(attributes)) continue;
    used.add(prompt);
    out.push(prompt);
  }
  return out;
}

/** A name and two to five other attributes, in the order of the slots. */
function drawAttributes(draw: Draw): Map<string, string> {
  const slots = [...MADE_UP_SLOTS.keys()].slice(1);
  const numSlots = drawNumSlots(draw);
  const chosen = new Set(["name"]);
  while (chosen.size < numSlots) chosen.add(slots[Math.floor(draw() * slots.length)]);
  const attributes = new Map<string, string>();
  for (const [slot, values] of MADE_UP_SLOTS) {
    if (chosen.has(slot)) attributes.set(slot, pickSkewed(values, MADE_UP_DIFFICULTY.valueSkew, draw));
  }
  return attributes;
}

function drawNumSlots(draw: Draw): number {
  let rest = draw();
  for (const [numSlots, share] of Object.entries(MADE_UP_DIFFICULTY.shareBySlots)) {
    rest -= share;
    if (rest < 0) return Number(numSlots);
  }
  return 3;
}

/** Pairs of attributes, as `slot[value], slot[value]`, that no demonstration shows together; names are in none. */
function withheldPairs(key: RandomKey): Set<string> {
  const attributes = [...MADE_UP_SLOTS].slice(1)
    .flatMap(([slot, values]) => values.map((value) => [slot, value] as const));
  const pairs = attributes.flatMap((first, i) =>
    attributes.slice(i + 1).filter((second) => second[0] !== first[0])
      .map((second) => formatSlotPrompt([first, second]))
  );
  const count = Math.round(pairs.length * MADE_UP_DIFFICULTY.withheldPairShare);
  return new Set(sampleWithoutReplacement(splitKey(key, "withheld"), pairs, count));
}

function containsPair(attributes: ReadonlyMap<string, string>, pairs: ReadonlySet<string>): boolean {
  const list = [...attributes];
  return list.some((first, i) =>
    list.slice(i + 1).some((second) => pairs.has(formatSlotPrompt([first, second])))
  );
}
