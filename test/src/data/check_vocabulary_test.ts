// Whether a tokenizer fits a model's embedding.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { checkVocabulary } from "../../../src/data/check_vocabulary.ts";

describe("checkVocabulary()", () => {
  const check = (tokens: number, rows: number) =>
    checkVocabulary({ vocabularySize: tokens }, { vocabularySize: rows, folder: "model" });

  it("takes an embedding of as many rows as tokens, or of more", () => {
    check(50_277, 50_277);
    check(50_277, 50_304);
  });

  it("refuses tokens without a row, with both numbers", () => {
    assert.throws(() => check(50_277, 50_254), {
      name: "ConfigError",
      message: /"model": it has 50277 tokens, the model of its config\.json 50254/,
    });
  });
});
