// What is refused in a tokenizer.json: whatever this program would compute otherwise than the original.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { parseBpeFile } from "../../../src/data/bpe_file.ts";

const byteLevel = { type: "ByteLevel", add_prefix_space: false };
const model = { type: "BPE", vocab: { a: 0 }, merges: [] };
const good = { added_tokens: [], normalizer: null, pre_tokenizer: byteLevel, model };

describe("parseBpeFile()", () => {
  it("flattens sequences of steps", () => {
    const nfc = { type: "NFC" }, inner = { type: "Sequence", normalizers: [nfc] };
    const normalizer = { type: "Sequence", normalizers: [inner, nfc] };
    assert.deepEqual(parseBpeFile({ ...good, normalizer }, "f").normalizer, [nfc, nfc]);
  });

  const refused: [name: string, content: Record<string, unknown>, message: RegExp][] = [
    ["another model than BPE", { ...good, model: { ...model, type: "Unigram" } }, /model\.type/],
    ["drop-out", { ...good, model: { ...model, dropout: 0.1 } }, /model\.dropout/],
    ["suffixes of words", { ...good, model: { ...model, end_of_word_suffix: "</w>" } }, /end_of_word_suffix/],
    ["ids that are no numbers", { ...good, model: { ...model, vocab: { a: "0" } } }, /tokens with their ids/],
    [
      "a normalizer that is not known",
      { ...good, normalizer: { type: "Lowercase" } },
      /normalizer\[0\]\.type/,
    ],
    [
      "a split that is not isolated",
      { ...good, pre_tokenizer: { type: "Split", pattern: { String: " " }, behavior: "MergedWithNext" } },
      /pre_tokenizer\[0\]\.behavior/,
    ],
    [
      "added tokens that must be whole words",
      { ...good, added_tokens: [{ id: 1, content: "b", single_word: true }] },
      /added_tokens\[0\]\.single_word/,
    ],
    ["a tokenizer that cannot write every text", { ...good, pre_tokenizer: null }, /can write every text/],
  ];
  for (const [name, content, message] of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(() => parseBpeFile(content, "folder/tokenizer.json"), { name: "SchemaError", message });
    });
  }
});
