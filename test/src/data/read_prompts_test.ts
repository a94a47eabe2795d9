// Prompts without demonstrations.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { parsePrompts } from "../../../src/data/read_prompts.ts";

describe("parsePrompts()", () => {
  it("reads the prompt of every row, whatever else it has", () => {
    assert.deepEqual(parsePrompts('{"prompt":"a"}\n{"prompt":"b","completion":"c"}', { file: "p.jsonl" }), [
      "a",
      "b",
    ]);
    assert.deepEqual(parsePrompts('{"q":"a"}', { file: "p.jsonl", field: "q" }), ["a"]);
  });

  it("refuses a row without one", () => {
    assert.throws(
      () => parsePrompts('{"prompt":"a"}\n{"text":"b"}', { file: "p.jsonl" }),
      /p\.jsonl:2: Add the field/,
    );
  });
});
