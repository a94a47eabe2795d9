// Labelled pairs: strict by default, and able to pass over rows that say which they are.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { parsePreferences } from "../../../src/data/read_preferences.ts";

const good = { prompt: "p", chosen: "c", rejected: "r" };
const text = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).join("\n");

describe("parsePreferences()", () => {
  it("reads pairs with and without a subset", () => {
    const rows = [good, { ...good, subset: "s", votes: 3 }, { ...good, subset: null }];
    assert.deepEqual(parsePreferences(text(rows), { file: "f" }), {
      pairs: [good, { ...good, subset: "s" }, good],
      skippedLines: [],
    });
  });

  const turn = (role: string, content: string) => ({ role, content });
  const hello = turn("user", "Hello"), hi = turn("assistant", "Hi"), no = turn("assistant", "No");
  const wanted = { pairs: [{ prompt: "Hello", chosen: "Hi", rejected: "No" }], skippedLines: [] };

  it("reads messages as answers to those of the prompt", () => {
    const row = { prompt: [hello], chosen: [hi], rejected: [no] };
    assert.deepEqual(parsePreferences(text([row]), { file: "f" }), wanted);
  });

  it("takes what two conversations share for the prompt, with the prompt's text beside them or without", () => {
    const row = { chosen: [hello, hi], rejected: [hello, no] };
    assert.deepEqual(parsePreferences(text([row]), { file: "f" }), wanted);
    assert.deepEqual(parsePreferences(text([{ ...row, prompt: "Hello" }]), { file: "f" }), wanted);
  });

  const invalid: [name: string, row: unknown, message: RegExp][] = [
    [
      "a chosen text that is a boolean",
      { ...good, chosen: true },
      /Make "chosen" a text: it is the value true/,
    ],
    ["an empty rejected text", { ...good, rejected: "" }, /Fill in "rejected" or remove the row/],
    ["a missing field", { prompt: "p", chosen: "c" }, /Add the field "rejected"/],
    ["conversations that share nothing", { chosen: [hello, hi], rejected: [no] }, /to the same messages/],
    ["equal conversations", { chosen: [hello, hi], rejected: [hello, hi] }, /two assistant's answers/],
    ["messages against a text", { ...good, chosen: [hi] }, /Make "rejected" a list of \{role, content\}/],
    ["a subset that is no text", { ...good, subset: 4 }, /Make "subset" a text: it is a number/],
  ];
  for (const [name, row, message] of invalid) {
    it(`refuses ${name}, or skips it when told to`, () => {
      assert.throws(() => parsePreferences(text([good, row]), { file: "f" }), {
        name: "SchemaError",
        message,
      });
      const { pairs, skippedLines } = parsePreferences(text([good, row, good]), {
        file: "f",
        invalidRows: "skip",
      });
      assert.deepEqual([pairs.length, skippedLines], [2, [2]]);
    });
  }

  it("refuses a line that is no JSON even where it skips invalid rows", () => {
    assert.throws(
      () => parsePreferences(`${text([good])}\n{`, { file: "f", invalidRows: "skip" }),
      /f:2: .*not JSON/,
    );
  });

  it("refuses a file in which every row was skipped", () => {
    assert.throws(
      () => parsePreferences(text([{ ...good, chosen: "" }]), { file: "f", invalidRows: "skip" }),
      /f: Give at least one valid pair/,
    );
  });
});
