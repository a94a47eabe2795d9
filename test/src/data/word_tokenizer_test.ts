// The tokenizer at work: as the Rust library does it (recorded cases), and losslessly.
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import assert from "node:assert/strict";
import { SchemaError } from "../../../src/base/errors.ts";
import { buildTokenizer } from "../../../src/data/tokenizer_json.ts";
import { loadTokenizer } from "../../../src/data/load_tokenizer.ts";
import parity from "../../golden/tokenizer_parity.json" with { type: "json" };

const [slots, plain] = parity.tokenizers.map(({ tokenizer }) => loadTokenizer(tokenizer));
const tokensOf = (tokenizer: typeof slots, text: string) =>
  tokenizer.encode(text).map((id) => tokenizer.idToToken(id) ?? "");

describe("loadTokenizer()", () => {
  for (
    const [place, { demonstrations, prompts, minCount, tokenizer, cases }] of parity.tokenizers.entries()
  ) {
    it(`gives the ids of the Rust library on ${cases.length} odd texts (tokenizer ${place + 1})`, () => {
      assert.equal(buildTokenizer({ demonstrations, prompts, minCount }), tokenizer);
      const loaded = loadTokenizer(tokenizer);
      for (const { text, ids } of cases) assert.deepEqual(loaded.encode(text), ids, JSON.stringify(text));
    });

    it(`gives the Rust library's text where no special token is in it (tokenizer ${place + 1})`, () => {
      const loaded = loadTokenizer(tokenizer);
      for (const { ids, decoded } of cases) {
        if (ids.every((id) => id > loaded.padId)) assert.equal(loaded.decode(ids), decoded);
      }
    });
  }

  it("refuses what is no word-level tokenizer", () => {
    assert.throws(() => loadTokenizer("{"), SchemaError);
    assert.throws(() => loadTokenizer('{"model":{"type":"BPE","vocab":{}}}'), /Use a word-level tokenizer/);
    assert.throws(
      () => loadTokenizer('{"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"<unk>"}}'),
      /Add the special tokens "<\|endoftext\|>"/,
    );
  });
});

describe("encode()", () => {
  it("makes one token of an attribute and none of the comma behind it", () => {
    assert.deepEqual(tokensOf(slots, "name[Grey Heron], customer rating[5 out of 5], price range[£20-25]"), [
      "name[Grey Heron]",
      "customer rating[5 out of 5]",
      "price range[£20-25]",
    ]);
  });

  it("keeps end, padding and unknown apart, and adds none of them", () => {
    assert.deepEqual([slots.eosId, slots.padId, slots.unkId], [0, 1, 2]);
    assert.deepEqual(slots.encode(""), []);
    assert.deepEqual(slots.encode("zeppelin"), [2]);
    assert.deepEqual(slots.encode("The<|endoftext|>"), [slots.tokenToId("The"), 0]);
  });

  it("hands out a fresh list each time, so that a caller may change it", () => {
    slots.encode("The ferry").push(99);
    assert.equal(slots.encode("The ferry").length, 2);
  });
});

describe("decode()", () => {
  it("gives a sentence of known words back letter by letter", () => {
    for (
      const text of [
        "The Grey Heron sails to Fern Island, but takes no dogs.",
        "It takes dogs.\nIt is dog-friendly.",
      ]
    ) {
      assert.equal(slots.decode(slots.encode(text)), text);
    }
    const spaced = 'There is tea  and cake: "hot" tea.';
    assert.equal(plain.decode(plain.encode(spaced)), spaced);
  });

  it("gives any text back once its words are known", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
        fc.pre(text.isWellFormed());
        const tokenizer = loadTokenizer(
          buildTokenizer({
            demonstrations: [{ prompt: "a plain prompt", completion: text }],
            prompts: [],
            minCount: 1,
          }),
        );
        assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it("leaves out end and padding and shows unknown words", () => {
    const the = slots.tokenToId("The") ?? -1;
    assert.equal(slots.decode([the, 2, 0, 1, 1]), "The<unk>");
    assert.equal(slots.decode([0, 1]), "");
    assert.equal(slots.decode([]), "");
  });
});

describe("unknownWords()", () => {
  it("names each unknown word once, without its space", () => {
    const text = "The zeppelin sails, a zeppelin takes name[Nobody]";
    assert.deepEqual(slots.unknownWords(text), ["zeppelin", "a", "name[Nobody]"]);
    assert.deepEqual(slots.unknownWords("The Grey Heron takes dogs."), []);
  });
});
