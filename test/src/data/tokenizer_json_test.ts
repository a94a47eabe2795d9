// The written tokenizer: what enters the vocabulary, in which order, and that equal sources give equal bytes.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { canonicalJson } from "../../../src/base/canonical.ts";
import { ConfigError } from "../../../src/base/errors.ts";
import { buildTokenizer } from "../../../src/data/tokenizer_json.ts";
import { loadTokenizer } from "../../../src/data/load_tokenizer.ts";

const row = (prompt: string, completion: string) => ({ prompt, completion });
const demonstrations = [
  row("name[Grey Heron], dogs[no]", "The Grey Heron takes no dogs."),
  row("name[Old Comet]", "The Old Comet takes dogs."),
];

/** Tokens in the order of their ids. */
function tokensOf(json: string): string[] {
  const tokenizer = loadTokenizer(json);
  return Array.from({ length: tokenizer.vocabularySize }, (_, id) => tokenizer.idToToken(id) ?? "");
}

describe("buildTokenizer()", () => {
  it("orders special tokens, attributes by spelling, then words by count", () => {
    const json = buildTokenizer({ demonstrations, prompts: ["name[Red Otter]"], minCount: 1 });
    assert.deepEqual(tokensOf(json), [
      ...["<|endoftext|>", "<|padding|>", "<unk>"],
      ...["dogs[no]", "name[Grey Heron]", "name[Old Comet]", "name[Red Otter]"],
      ...[" dogs", " takes", ".", "The"],
      ...[" Comet", " Grey", " Heron", " Old", " no"],
    ]);
  });

  it("leaves rare words out and keeps rare attributes", () => {
    const tokens = tokensOf(buildTokenizer({ demonstrations, prompts: ["name[Red Otter]"], minCount: 2 }));
    assert.deepEqual(tokens.slice(7), [" dogs", " takes", ".", "The"]);
    assert.ok(tokens.includes("name[Red Otter]"));
  });

  it("counts a prompt once, however many demonstrations it has", () => {
    const twice = [row("Go", "now"), row("Go", "then")];
    assert.ok(
      !tokensOf(buildTokenizer({ demonstrations: twice, prompts: ["Go"], minCount: 2 })).includes("Go"),
    );
  });

  it("makes no attribute tokens where prompts are plain texts", () => {
    const tokens = tokensOf(
      buildTokenizer({ demonstrations: [row("Now take x[1]", "y")], prompts: [], minCount: 1 }),
    );
    assert.deepEqual(tokens.slice(3), [" take", " x", "1", "Now", "[", "]", "y"]);
  });

  it("gives equal bytes for equal rows in another order, as canonical JSON", () => {
    const json = buildTokenizer({ demonstrations, prompts: [], minCount: 1 });
    assert.equal(
      buildTokenizer({ demonstrations: demonstrations.toReversed(), prompts: [], minCount: 1 }),
      json,
    );
    assert.equal(canonicalJson(JSON.parse(json)), json);
  });

  it("survives words that are names of object properties", () => {
    const json = buildTokenizer({
      demonstrations: [row("a", "__proto__"), row("a", "constructor"), row("a", "7")],
      prompts: [],
      minCount: 1,
    });
    const tokenizer = loadTokenizer(json);
    for (const word of ["__proto__", "constructor", "7"]) {
      assert.deepEqual(tokenizer.encode(word), [tokenizer.tokenToId(word)], word);
      assert.equal(tokenizer.decode(tokenizer.encode(word)), word);
    }
    assert.deepEqual(tokenizer.unknownWords("toString"), ["toString"]);
  });

  it("refuses to build from nothing", () => {
    assert.throws(() => buildTokenizer({ demonstrations: [], prompts: ["a"], minCount: 1 }), ConfigError);
  });
});
