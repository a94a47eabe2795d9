// Tokenizers of checkpoints: the ids and texts of the Rust library, on tiny ones always and on GPT-NeoX's where it is at hand.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { sha256 } from "../../../src/base/canonical.ts";
import { loadTokenizer } from "../../../src/data/load_tokenizer.ts";
import { readTokenizerFolder } from "../../../src/data/read_tokenizer_folder.ts";
import { encodePrompt, type Tokenizer, unknownIds } from "../../../src/data/tokenizer.ts";
import parity from "../../golden/bpe_parity.json" with { type: "json" };
import { type TinyBpe, tinyBpeFiles } from "../../support/tiny_bpe.ts";

const NAMES = [
  "neox_like",
  "llama3_like",
  "llama2_like",
  "metaspace_like",
  "split_metaspace",
  "digits_like",
] as const;
const opened = new Map<TinyBpe, Tokenizer>();
function open(name: TinyBpe): Tokenizer {
  const tokenizer = opened.get(name) ?? loadTokenizer(readTokenizerFolder(tinyBpeFiles(name), "folder"));
  opened.set(name, tokenizer);
  return tokenizer;
}
/** As make_bpe_parity.py's. */
const digest = (value: unknown) => sha256(JSON.stringify(value)).slice(0, 8);

describe("bpeTokenizer()", () => {
  for (const name of NAMES) {
    const { ids, decoded, drawn } = parity.tokenizers[name];
    it(`gives the ids of the Rust library on ${ids.length} odd texts, and their texts again (${name})`, () => {
      const tokenizer = open(name);
      for (const [i, wanted] of ids.entries()) {
        assert.deepEqual(tokenizer.encode(parity.texts[i]), wanted, JSON.stringify(parity.texts[i]));
        assert.equal(digest(tokenizer.decode(wanted)), decoded[i], JSON.stringify(parity.texts[i]));
      }
    });

    it(`reads ${drawn.length} lists of any ids as the Rust library does, broken UTF-8 too (${name})`, () => {
      for (const { ids, text } of drawn) assert.equal(open(name).decode(ids), text, JSON.stringify(ids));
    });
  }

  const file = Deno.env.get("NEOX_TOKENIZER");
  it(
    `gives the ids of the Rust library on ${parity.texts.length} odd texts with GPT-NeoX's tokenizer (needs NEOX_TOKENIZER=its file)`,
    { skip: file === undefined },
    async () => {
      const config = JSON.stringify({ eos_token: "<|endoftext|>" });
      const tokenizerJson = await Deno.readTextFile(file ?? "");
      const tokenizer = loadTokenizer(
        readTokenizerFolder({ tokenizerJson, tokenizerConfig: config }, "neox"),
      );
      const { ids, decoded, drawn } = parity.neox;
      for (const [i, text] of parity.texts.entries()) {
        const got = tokenizer.encode(text);
        assert.equal(digest(got), ids[i], JSON.stringify(text));
        assert.equal(digest(tokenizer.decode(got)), decoded[i], JSON.stringify(text));
      }
      for (const list of drawn) assert.equal(digest(tokenizer.decode(list.ids)), list.text);
      // 50254 merged tokens and the runs of spaces behind them.
      assert.deepEqual([tokenizer.vocabularySize, tokenizer.eosId, tokenizer.padId], [50277, 0, 1]);
    },
  );

  it("counts added tokens to the vocabulary", () => {
    const { added_tokens: added } = parity.tokenizers.neox_like.tokenizer;
    assert.equal(open("neox_like").vocabularySize, Math.max(...added.map(({ id }) => id)) + 1);
  });

  it("has no unknown word where every byte has a token", () => {
    const tokenizer = open("neox_like");
    assert.deepEqual([tokenizer.unkId, unknownIds(tokenizer)], [undefined, []]);
    assert.deepEqual(tokenizer.unknownWords("zeppelin \u{1f680}"), []);
  });

  it("takes the unknown token for padding only where nothing is written with it", () => {
    const tokenizer = open("llama2_like");
    assert.deepEqual([tokenizer.idToToken(tokenizer.padId), tokenizer.unkId], ["<unk>", undefined]);
    const padded = open("split_metaspace");
    assert.deepEqual([padded.idToToken(padded.padId), padded.idToToken(padded.unkId ?? -1)], [
      "<pad>",
      "<unk>",
    ]);
  });
});

describe("encode()", () => {
  it("adds no special token, and says which one the model expects in front", () => {
    const tokenizer = open("llama3_like");
    assert.equal(tokenizer.bosId, tokenizer.tokenToId("<|begin_of_text|>"));
    assert.ok(!tokenizer.encode("The ferry").some((id) => id === tokenizer.bosId));
    assert.equal(open("neox_like").bosId, undefined);
  });

  it("gives a fresh list each time, so that a caller may change it", () => {
    const tokenizer = open("neox_like"), length = tokenizer.encode("The ferry").length;
    tokenizer.encode("The ferry").push(99);
    assert.equal(tokenizer.encode("The ferry").length, length);
  });

  it("gives no id for no text", () => {
    for (const name of NAMES) assert.deepEqual(open(name).encode(""), []);
  });
});

describe("decode()", () => {
  it("leaves out end, padding and every other special token", () => {
    const tokenizer = open("llama3_like"), { eosId, padId, bosId = -1 } = tokenizer;
    assert.equal(
      tokenizer.decode([bosId, ...tokenizer.encode("The ferry"), eosId, padId, padId]),
      "The ferry",
    );
    assert.equal(tokenizer.decode([eosId, padId]), "");
    assert.equal(tokenizer.decode([]), "");
  });

  it("gives nothing for an id beyond the vocabulary", () => {
    const tokenizer = open("neox_like");
    assert.equal(
      tokenizer.decode([...tokenizer.encode("boat"), tokenizer.vocabularySize, 9_999_999]),
      "boat",
    );
  });
});

describe("encodePrompt()", () => {
  it("puts the expected token in front once", () => {
    const tokenizer = open("llama2_like"), { bosId, encode } = tokenizer;
    assert.deepEqual(encodePrompt(tokenizer, "The"), [bosId, ...encode("The")]);
    assert.deepEqual(encodePrompt(tokenizer, "<s>The"), [bosId, ...encode("The")]);
  });

  it("puts nothing in front where nothing is expected", () => {
    const tokenizer = open("neox_like");
    assert.deepEqual(encodePrompt(tokenizer, "The"), tokenizer.encode("The"));
  });
});
