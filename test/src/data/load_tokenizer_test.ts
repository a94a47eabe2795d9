// Opening either kind of stored tokenizer.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { loadTokenizer } from "../../../src/data/load_tokenizer.ts";
import { readTokenizerFolder } from "../../../src/data/read_tokenizer_folder.ts";
import { buildTokenizer } from "../../../src/data/tokenizer_json.ts";
import { tinyBpeFiles } from "../../support/tiny_bpe.ts";

const bundle = readTokenizerFolder(tinyBpeFiles("neox_like"), "folder");

describe("loadTokenizer()", () => {
  it("opens a word-level tokenizer and a bundle", () => {
    const demonstrations = [{ prompt: "a", completion: "b" }];
    assert.equal(loadTokenizer(buildTokenizer({ demonstrations, prompts: [], minCount: 1 })).unkId, 2);
    assert.equal(loadTokenizer(bundle).unkId, undefined);
  });

  it("opens the same text once", () => {
    assert.equal(loadTokenizer(bundle), loadTokenizer(bundle));
  });

  const refused: [name: string, change: (content: Record<string, unknown>) => unknown, message: RegExp][] = [
    [
      "a field that is not known",
      (content) => ({ ...content, extra: 1 }),
      /Store the model's tokenizer again/,
    ],
    [
      "padding that ends a text",
      (content) => ({ ...content, specialTokens: { eos: "<|endoftext|>", pad: "<|endoftext|>" } }),
      /Choose another padding token/,
    ],
    [
      "a special token that is not in the vocabulary",
      (content) => ({ ...content, specialTokens: { eos: "</s>", pad: "<|padding|>" } }),
      /Add "<\/s>" to the vocabulary/,
    ],
    ["a tokenizer.json of another kind without its bundle", ({ tokenizer }) => tokenizer, /word-level/],
  ];
  for (const [name, change, message] of refused) {
    it(`refuses ${name}`, () => {
      const text = JSON.stringify(change(JSON.parse(bundle)));
      assert.throws(() => loadTokenizer(text), { name: "SchemaError", message });
    });
  }
});
