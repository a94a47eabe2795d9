// Decoders step by step, with texts written by hand.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { tokenDecoder } from "../../../src/data/token_decoder.ts";

const decode = (decoder: unknown, tokens: string[]) => tokenDecoder(decoder, "tokenizer.json")(tokens);

describe("tokenDecoder()", () => {
  it("joins the bytes of tokens before it reads them as UTF-8", () => {
    // é is the bytes C3 A9, written Ã ©; Ġ is the space, Ċ the line end.
    assert.equal(decode({ type: "ByteLevel" }, ["cafÃ", "©", "Ġau", "Ċ"]), "café au\n");
    assert.equal(decode({ type: "ByteLevel" }, ["Ã", "x"]), "\ufffdx");
    assert.equal(decode({ type: "ByteLevel" }, ["ï»¿a"]), "\ufeffa");
  });

  it("takes an added token with characters of no byte as it stands", () => {
    assert.equal(decode({ type: "ByteLevel" }, ["a", "  ", "日"]), "a  日");
  });

  it("makes text of byte tokens, or one mark for each byte of a run that is none", () => {
    assert.equal(decode({ type: "ByteFallback" }, ["a", "<0xC3>", "<0xA9>", "b"]), "aéb");
    assert.equal(decode({ type: "ByteFallback" }, ["<0xC3>", "<0x41>"]), "\ufffd\ufffd");
    assert.equal(decode({ type: "ByteFallback" }, ["<0xG1>"]), "<0xG1>");
  });

  it("replaces, fuses and strips in sequence", () => {
    const decoders = [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ];
    assert.equal(decode({ type: "Sequence", decoders }, ["▁▁The", "▁boat"]), " The boat");
  });

  it("drops the marks of the first token alone where a Metaspace puts them in front", () => {
    const marks = ["▁The", "▁boat"];
    assert.equal(decode({ type: "Metaspace" }, marks), "The boat");
    assert.equal(decode({ type: "Metaspace", prepend_scheme: "never" }, marks), " The boat");
  });

  it("refuses a decoder that it does not know, and none at all", () => {
    for (const decoder of [{ type: "WordPiece" }, null]) {
      assert.throws(() => decode(decoder, []), {
        name: "SchemaError",
        message: /^tokenizer\.json: .*decoder/s,
      });
    }
  });
});
