// Preparation of rows: what is left out and counted, that nothing held out is trained on, and the refusals.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { digestOf } from "../../../src/base/canonical.ts";
import { ConfigError } from "../../../src/base/errors.ts";
import { keyFromSeed } from "../../../src/base/random.ts";
import { checkE2e } from "../../../src/data/e2e_checker.ts";
import { type PreparedData, prepareE2e, prepareMadeUp, prepareOwn } from "../../../src/data/prepare_data.ts";
import { numSlotErrors } from "../../../src/data/slot_errors.ts";

const key = keyFromSeed(1);
const row = (prompt: string, completion: string) => ({ prompt, completion });

function assertNoLeak({ demonstrations, prompts, evaluation }: PreparedData): void {
  const heldOut = new Set(evaluation.map(({ prompt }) => prompt));
  for (const prompt of [...prompts, ...demonstrations.map((entry) => entry.prompt)]) {
    assert.ok(!heldOut.has(prompt), prompt);
  }
  assert.equal(new Set(prompts).size, prompts.length);
}

const NAMES = [
  "Zizzi",
  "Cotto",
  "Aromi",
  "Cocum",
  "Strada",
  "Clowns",
  "Giraffe",
  "Wildwood",
  "The Mill",
  "The Eagle",
];
const FOODS = ["French", "Italian", "Chinese", "Indian", "Japanese"];
/** 50 prompts with two right texts each. */
const restaurants = NAMES.flatMap((name) =>
  FOODS.flatMap((food) => [
    row(`name[${name}], food[${food}]`, `${name} has ${food} food.`),
    row(`name[${name}], food[${food}]`, `Eat ${food} at ${name}.`),
  ])
);

describe("prepareMadeUp()", () => {
  it("gives the made-up task with its counts", () => {
    const data = prepareMadeUp({ key, demonstrations: 40, prompts: 60, evaluationPrompts: 10 });
    assertNoLeak(data);
    assert.deepEqual(data.counts, {
      generatedRows: 40,
      demonstrations: 40,
      demonstratedPrompts: 36,
      trainingPrompts: 60,
      evaluationPrompts: 10,
      evaluationReferences: 20,
    });
  });
});

describe("prepareE2e()", () => {
  it("drops repeats, long prompts, long texts and slot errors, and counts each", () => {
    const train = [
      ...restaurants,
      restaurants[0],
      row("name[Zizzi], food[French], area[riverside]", "Zizzi has French food by the river."),
      row("name[Zizzi], food[English]", `Zizzi has English food. ${"It is nice. ".repeat(20)}`),
      row("name[Cotto], food[English]", "Cotto has Indian food."),
    ];
    const dev = [
      row("name[Zizzi], eatType[pub]", "Zizzi is a pub."),
      row("name[Zizzi], eatType[pub]", "Wrong on purpose."),
      row("name[Zizzi], eatType[pub], food[French]", "Zizzi is a French pub."),
    ];
    const data = prepareE2e({ train, dev, key, maxSlots: 2, numDemonstrations: 60, numEvaluationPrompts: 1 });
    assertNoLeak(data);
    assert.deepEqual(
      data.evaluation,
      [row("", "")].map(() => ({
        prompt: "name[Zizzi], eatType[pub]",
        completions: ["Zizzi is a pub.", "Wrong on purpose."],
      })),
    );
    assert.deepEqual(data.counts, {
      trainRows: 104,
      devRows: 3,
      droppedDuplicates: 1,
      droppedTooManySlots: 1,
      evaluationPromptsFromDev: 1,
      evaluationPromptsFromTrain: 0,
      droppedHeldOut: 0,
      droppedTooLong: 1,
      droppedSlotErrors: 1,
      usableRows: 100,
      demonstrations: 60,
      demonstratedPrompts: new Set(data.demonstrations.map(({ prompt }) => prompt)).size,
      trainingPrompts: 52,
      evaluationPrompts: 1,
      evaluationReferences: 2,
    });
    for (const { prompt, completion } of data.demonstrations) {
      assert.equal(numSlotErrors(checkE2e(prompt, completion)), 0);
    }
    assert.ok(
      data.prompts.includes("name[Cotto], food[English]"),
      "a prompt whose texts were dropped is still asked",
    );
  });

  it("keeps slot errors where it is told to", () => {
    const train = [...restaurants, row("name[Cotto], food[English]", "Cotto has Indian food.")];
    assert.equal(prepareE2e({ train, key, clean: false }).counts.droppedSlotErrors, undefined);
  });

  it("holds out whole prompts of the training rows where the development rows are too few", () => {
    const dev = [row("name[Zizzi], eatType[pub]", "Zizzi is a pub.")];
    const data = prepareE2e({ train: restaurants, dev, key, numEvaluationPrompts: 6 });
    assertNoLeak(data);
    assert.deepEqual([data.counts.evaluationPromptsFromDev, data.counts.evaluationPromptsFromTrain], [1, 5]);
    assert.deepEqual([data.counts.droppedHeldOut, data.counts.evaluationReferences], [10, 11]);
  });

  it("never holds out more than a fifth of the training prompts", () => {
    const data = prepareE2e({ train: restaurants, key });
    assert.deepEqual([data.counts.evaluationPrompts, data.counts.trainingPrompts], [10, 40]);
  });

  it("keeps a development prompt out of training when both files have it", () => {
    const data = prepareE2e({ train: restaurants, dev: [restaurants[0]], key, numEvaluationPrompts: 1 });
    assertNoLeak(data);
    assert.deepEqual(data.evaluation.map(({ prompt }) => prompt), [restaurants[0].prompt]);
  });

  it("draws the same rows for the same key, others for another", () => {
    const draw = (seed: number) =>
      prepareE2e({ train: restaurants, key: keyFromSeed(seed), numDemonstrations: 20 });
    assert.equal(digestOf(draw(1)), digestOf(draw(1)));
    assert.notEqual(digestOf(draw(1).demonstrations), digestOf(draw(2).demonstrations));
  });

  it("refuses to go on with next to nothing, and tells where the rows went", () => {
    const long = restaurants.map(({ prompt, completion }) => row(`${prompt}, area[riverside]`, completion));
    assert.throws(() => prepareE2e({ train: long, key }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(
        error.message,
        /^Give more demonstrations or drop fewer: 0 are left, 8 are needed \(.*droppedSlotErrors 80/,
      );
      return true;
    });
    assert.throws(
      () => prepareE2e({ train: restaurants.slice(0, 8), key, numEvaluationPrompts: 0 }),
      /Give evaluation rows/,
    );
  });
});

describe("prepareOwn()", () => {
  const rows = Array.from({ length: 40 }, (_, i) => row(`question ${i % 20}`, `answer ${i}`));

  it("holds out a tenth of the prompts with all their rows", () => {
    const data = prepareOwn({ rows, key });
    assertNoLeak(data);
    assert.deepEqual(data.counts, {
      rows: 40,
      droppedDuplicates: 0,
      droppedHeldOut: 4,
      demonstrations: 36,
      demonstratedPrompts: 18,
      trainingPrompts: 18,
      evaluationPrompts: 2,
      evaluationReferences: 4,
    });
  });

  it("takes evaluation rows as they are and keeps their prompts out of training", () => {
    const evaluationRows = [row("question 3", "x"), row("other", "y"), row("other", "z")];
    const data = prepareOwn({ rows, evaluationRows, key });
    assertNoLeak(data);
    assert.deepEqual(
      data.evaluation.map(({ prompt, completions }) => [prompt, completions.length]).toSorted(),
      [
        ["other", 2],
        ["question 3", 1],
      ],
    );
    assert.equal(data.counts.droppedHeldOut, 2);
    assert.equal(data.prompts.length, 19);
    assert.ok(!data.prompts.includes("question 3"));
  });

  it("limits what it draws when told to", () => {
    const data = prepareOwn({
      rows,
      key,
      evaluationShare: 0.5,
      numEvaluationPrompts: 3,
      numDemonstrations: 10,
    });
    assertNoLeak(data);
    assert.deepEqual([data.demonstrations.length, data.evaluation.length, data.prompts.length], [10, 3, 17]);
  });

  it("refuses rows of one prompt, and too few rows", () => {
    const same = Array.from({ length: 20 }, (_, i) => row("the same", `answer ${i}`));
    assert.throws(
      () => prepareOwn({ rows: same, key }),
      /^ConfigError: Give demonstrations of at least two distinct prompts/,
    );
    assert.throws(() => prepareOwn({ rows: rows.slice(0, 5), key }), /4 are left, 8 are needed/);
  });
});
