// The checker of the made-up task against the generator (which it does not share its patterns with), and against
// texts written by hand: negations, values inside other values, contradictions, garbage.
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import assert from "node:assert/strict";
import { keyFromSeed, uniformStream } from "../../../src/base/random.ts";
import { checkMadeUp } from "../../../src/data/made_up_checker.ts";
import { MADE_UP_SLOTS } from "../../../src/data/made_up_domain.ts";
import { writeMadeUp } from "../../../src/data/made_up_sentence.ts";
import { makeMadeUpTask } from "../../../src/data/made_up_task.ts";
import { formatSlotPrompt } from "../../../src/data/slot_prompt.ts";

const slotNames = [...MADE_UP_SLOTS.keys()];

/** Any attributes: a name and one to five others. */
const attributesOf = fc.record({
  values: fc.tuple(...slotNames.map((slot) => fc.constantFrom(...(MADE_UP_SLOTS.get(slot) ?? [])))),
  chosen: fc.uniqueArray(fc.constantFrom(...slotNames.slice(1)), { minLength: 1, maxLength: 5 }),
}).map(({ values, chosen }) =>
  new Map(
    slotNames.map((slot, i) => [slot, values[i]] as const).filter(([slot]) =>
      slot === "name" || chosen.includes(slot)
    ),
  )
);
const seeds = fc.nat(1_000_000);

const write = (attributes: ReadonlyMap<string, string>, seed: number) =>
  writeMadeUp(attributes, uniformStream(keyFromSeed(seed)));
const found = (attributes: ReadonlyMap<string, string>, text: string) => {
  const { missing, added } = checkMadeUp(formatSlotPrompt(attributes), text);
  return { missing, added };
};

describe("checkMadeUp() against the generator", () => {
  it("finds no error in the demonstrations of many seeds", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const task = makeMadeUpTask({
        key: keyFromSeed(seed),
        demonstrations: 400,
        prompts: 400,
        evaluationPrompts: 50,
      });
      const references = task.evaluation.flatMap(({ prompt, completions }) =>
        completions.map((completion) => ({ prompt, completion }))
      );
      for (const { prompt, completion } of [...task.demonstrations, ...references]) {
        const { missing, added } = checkMadeUp(prompt, completion);
        assert.deepEqual({ missing, added }, { missing: [], added: [] }, `${prompt}\n${completion}`);
      }
    }
  });

  it("finds a swapped value: one missing and one added", () => {
    fc.assert(
      fc.property(attributesOf, seeds, fc.nat(), fc.nat(), (attributes, seed, slotPick, valuePick) => {
        const slot = [...attributes.keys()][slotPick % attributes.size];
        const others = (MADE_UP_SLOTS.get(slot) ?? []).filter((value) => value !== attributes.get(slot));
        const other = others[valuePick % others.length];
        const text = write(new Map(attributes).set(slot, other), seed);
        assert.deepEqual(
          found(attributes, text),
          { missing: [`${slot}[${attributes.get(slot)}]`], added: [`${slot}[${other}]`] },
          text,
        );
      }),
      { numRuns: 1000, seed: 1 },
    );
  });

  it("finds a left-out attribute and an added one", () => {
    fc.assert(
      fc.property(attributesOf, seeds, fc.nat(), (attributes, seed, pick) => {
        const slots = [...attributes.keys()].slice(1);
        const slot = slots[pick % slots.length];
        const fewer = new Map([...attributes].filter(([other]) => other !== slot));
        const attribute = `${slot}[${attributes.get(slot)}]`;
        const short = write(fewer, seed), long = write(attributes, seed);
        assert.deepEqual(found(attributes, short), { missing: [attribute], added: [] }, short);
        assert.deepEqual(found(fewer, long), { missing: [], added: [attribute] }, long);
      }),
      { numRuns: 1000, seed: 2 },
    );
  });

  it("counts a text said twice as right", () => {
    fc.assert(
      fc.property(attributesOf, seeds, seeds, (attributes, one, two) => {
        const text = `${write(attributes, one)} ${write(attributes, two)}`;
        assert.deepEqual(found(attributes, text), { missing: [], added: [] }, text);
      }),
      { numRuns: 300, seed: 3 },
    );
  });

  it("finds both answers in a text that contradicts itself", () => {
    fc.assert(
      fc.property(
        attributesOf,
        seeds,
        fc.constantFrom("dogs", "winter", "night"),
        (attributes, seed, slot) => {
          const yes = new Map(attributes).set(slot, "yes"), no = new Map(attributes).set(slot, "no");
          const text = `${write(yes, seed)} ${write(no, seed)}`;
          assert.deepEqual(found(yes, text), { missing: [], added: [`${slot}[no]`] }, text);
        },
      ),
      { numRuns: 300, seed: 4 },
    );
  });

  it("takes any text without failing", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      const { missing, added, numSlots } = checkMadeUp("name[Grey Heron], dogs[no]", text);
      assert.ok(missing.length <= numSlots && added.length >= 0);
    }));
  });
});

describe("checkMadeUp() on texts written by hand", () => {
  const cases: [text: string, stated: string[]][] = [
    ["", []],
    ["of the a with and and . . It", []],
    ["the grey heron", ["name[Grey Heron]"]],
    ["The Little Grey Heron is a boat.", ["name[Little Grey Heron]"]],
    ["The Grey Heron and the Old Comet.", ["name[Grey Heron]", "name[Old Comet]"]],
    ["It leaves from Salt Quay to Salt Rock.", ["from[Salt Quay]", "to[Salt Rock]"]],
    ["a steam barge, not a steam launch", ["kind[steam barge]"]],
    ["It costs 2 shells and 2 pearls.", ["fare[2 shells]", "fare[2 pearls]"]],
    ["It costs 12 shells.", []],
    ["It is not free.", []],
    ["It costs nothing and takes no dogs.", ["fare[free]", "dogs[no]"]],
    ["It takes an hour and a half.", ["time[an hour and a half]"]],
    ["It takes half an hour.", ["time[half an hour]"]],
    ["It takes an hour and has an open deck.", ["time[an hour]", "deck[open deck]"]],
    ["It has a lower deck.", ["deck[lower deck]"]],
    ["It has a low deck.", ["deck[low deck]"]],
    ["It has a deck without a roof and takes dogs.", ["deck[open deck]", "dogs[yes]"]],
    ["It serves tea. It sells cake.", ["food[tea and cake]"]],
    ["It serves no tea, only soup.", ["food[soup]"]],
    ["It serves tea, soup and cake.", ["food[tea and soup and cake]"]],
    ["It does not take dogs and sails in winter.", ["dogs[no]", "winter[yes]"]],
    ["It sails in winter but not at night.", ["winter[yes]", "night[no]"]],
    ["It neither takes dogs nor sails in winter.", ["dogs[no]", "winter[no]"]],
    ["It does not sail at night or in winter.", ["winter[no]", "night[no]"]],
    ["It does not rest in winter.", ["winter[yes]"]],
    ["It never stops at dusk.", ["night[yes]"]],
    ["Dogs are not welcome.", ["dogs[no]"]],
    ["Dogs are welcome, it doesn't sail at night.", ["dogs[yes]", "night[no]"]],
    ["It takes dogs and leaves dogs ashore.", ["dogs[yes]", "dogs[no]"]],
    ["It never turns dogs away.", ["dogs[yes]"]],
    ["a dog-free, all-year ferry", ["dogs[no]", "winter[yes]"]],
    ["It runs by day only.", ["night[no]"]],
    ["It knows the winters of hotdogs and teapots.", []],
  ];
  for (const [text, stated] of cases) {
    it(`finds ${stated.join(", ") || "nothing"} in "${text}"`, () => {
      assert.deepEqual(checkMadeUp("", text).added.toSorted(), stated.toSorted());
    });
  }

  it("counts the prompt's attributes", () => {
    assert.deepEqual(checkMadeUp("name[Grey Heron], dogs[no]", "The Grey Heron takes dogs."), {
      missing: ["dogs[no]"],
      added: ["dogs[yes]"],
      numSlots: 2,
    });
  });
});
