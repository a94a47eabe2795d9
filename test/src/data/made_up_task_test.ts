// The made-up task has the promised size and form, and follows from its key alone.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { digestOf } from "../../../src/base/canonical.ts";
import { keyFromSeed } from "../../../src/base/random.ts";
import { MADE_UP_DIFFICULTY, MADE_UP_SLOTS } from "../../../src/data/made_up_domain.ts";
import { makeMadeUpTask } from "../../../src/data/made_up_task.ts";
import { formatSlotPrompt, isSlotPrompt, parseSlotPrompt } from "../../../src/data/slot_prompt.ts";

const size = { demonstrations: 2000, prompts: 4000, evaluationPrompts: 400 };
const task = makeMadeUpTask({ key: keyFromSeed(1), ...size });
const small = { demonstrations: 40, prompts: 60, evaluationPrompts: 10 };

/** Unordered pairs of attributes, names left out. */
function pairsOf(prompt: string): string[] {
  const attributes = [...parseSlotPrompt(prompt)].slice(1);
  return attributes.flatMap((first, i) =>
    attributes.slice(i + 1).map((second) => formatSlotPrompt([first, second]))
  );
}

describe("makeMadeUpTask()", () => {
  it("gives as many rows as asked for, over at least 1,500 distinct prompts of 2,000", () => {
    assert.equal(task.demonstrations.length, 2000);
    assert.equal(task.prompts.length, 4000);
    assert.equal(new Set(task.prompts).size, 4000);
    assert.equal(task.evaluation.length, 400);
    const demonstrated = new Set(task.demonstrations.map(({ prompt }) => prompt));
    assert.ok(demonstrated.size >= 1500 && demonstrated.size < 2000, `${demonstrated.size}`);
    for (const prompt of demonstrated) assert.ok(task.prompts.includes(prompt));
  });

  it("shows no held-out prompt in training, and no row twice", () => {
    const training = new Set(task.prompts);
    for (const { prompt } of task.evaluation) assert.ok(!training.has(prompt), prompt);
    const rows = task.demonstrations.map(({ prompt, completion }) => `${prompt}\n${completion}`);
    assert.equal(new Set(rows).size, rows.length);
  });

  it("asks held-out prompts for pairs of values that no demonstration shows", () => {
    const shown = new Set(task.demonstrations.flatMap(({ prompt }) => pairsOf(prompt)));
    const isNew = ({ prompt }: { prompt: string }) => pairsOf(prompt).some((pair) => !shown.has(pair));
    const share = task.evaluation.filter(isNew).length / task.evaluation.length;
    assert.ok(share > 0.05 && share < 0.5, `share of held-out prompts with a new pair: ${share}`);
  });

  it("writes prompts as attribute lists with a name and known values in the order of the slots", () => {
    const slots = [...MADE_UP_SLOTS.keys()];
    for (const prompt of [...task.prompts, ...task.evaluation.map((row) => row.prompt)]) {
      assert.ok(isSlotPrompt(prompt), prompt);
      const attributes = [...parseSlotPrompt(prompt)];
      assert.ok(attributes.length >= 3 && attributes.length <= 6 && attributes[0][0] === "name", prompt);
      for (const [slot, value] of attributes) assert.ok(MADE_UP_SLOTS.get(slot)?.includes(value), prompt);
      const places = attributes.map(([slot]) => slots.indexOf(slot));
      assert.deepEqual(places, places.toSorted((a, b) => a - b));
    }
  });

  it("uses every value of every slot", () => {
    const used = new Set(task.demonstrations.flatMap(({ prompt }) => prompt.split(", ")));
    for (const [slot, values] of MADE_UP_SLOTS) {
      for (const value of values) assert.ok(used.has(`${slot}[${value}]`), `${slot}[${value}]`);
    }
  });

  it("writes short texts of a few hundred words, with several references for a held-out prompt", () => {
    const words = task.demonstrations.map(({ completion }) =>
      completion.match(/[\p{L}\p{N}'-]+|[^\s]/gu) ?? []
    );
    const lengths = words.map((list) => list.length);
    assert.ok(Math.max(...lengths) <= MADE_UP_DIFFICULTY.maxWords);
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    assert.ok(mean > 14 && mean < 20, `mean length ${mean}`);
    const types = new Set(words.flat()).size;
    assert.ok(types > 150 && types < 400, `${types} words`);
    for (const { completions } of task.evaluation) assert.equal(new Set(completions).size, 2);
  });

  it("follows from the key: the same again, another one for another key", () => {
    const first = makeMadeUpTask({ key: keyFromSeed(7), ...small });
    assert.equal(digestOf(makeMadeUpTask({ key: keyFromSeed(7), ...small })), digestOf(first));
    assert.notEqual(digestOf(makeMadeUpTask({ key: keyFromSeed(8), ...small })), digestOf(first));
  });

  it("works at the smallest sizes", () => {
    const tiny = makeMadeUpTask({ key: keyFromSeed(1), demonstrations: 1, prompts: 1, evaluationPrompts: 1 });
    assert.deepEqual([tiny.demonstrations.length, tiny.prompts.length, tiny.evaluation.length], [1, 1, 1]);
    assert.equal(makeMadeUpTask({ key: keyFromSeed(1), ...small, prompts: 0 }).prompts.length, 36);
  });
});
