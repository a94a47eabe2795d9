// Attribute lists as prompts.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { formatSlotPrompt, isSlotPrompt, parseSlotPrompt } from "../../../src/data/slot_prompt.ts";

describe("parseSlotPrompt()", () => {
  it("is undone by formatSlotPrompt()", () => {
    const prompt = "name[Grey Heron], customer rating[5 out of 5], price[£20-25]";
    assert.deepEqual([...parseSlotPrompt(prompt)], [
      ["name", "Grey Heron"],
      ["customer rating", "5 out of 5"],
      ["price", "£20-25"],
    ]);
    assert.equal(formatSlotPrompt(parseSlotPrompt(prompt)), prompt);
  });

  it("finds nothing in a plain text", () => {
    assert.equal(parseSlotPrompt("Where does the ferry go?").size, 0);
  });
});

describe("isSlotPrompt()", () => {
  it("takes attribute lists and nothing else", () => {
    for (const prompt of ["a[b]", "name[Grey Heron], customer rating[5, or so]", "x_1[]"]) {
      assert.ok(isSlotPrompt(prompt), prompt);
    }
    for (
      const prompt of [
        "",
        "a",
        "a[b],c[d]",
        "a[b] ",
        "see a[b], c[d].",
        "the long slot name[b]",
        "a[b\n]",
        "1[b]",
      ]
    ) {
      assert.ok(!isSlotPrompt(prompt), prompt);
    }
  });
});
