// A stored tokenizer as files and back.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readTokenizerFolder } from "../../../src/data/read_tokenizer_folder.ts";
import { tokenizerFiles } from "../../../src/data/tokenizer_files.ts";
import { buildTokenizer } from "../../../src/data/tokenizer_json.ts";
import { type TinyBpe, tinyBpeFiles } from "../../support/tiny_bpe.ts";

const demonstrations = [{ prompt: "a", completion: "b" }];

describe("tokenizerFiles()", () => {
  it("gives a word-level tokenizer's own text and roles", () => {
    const text = buildTokenizer({ demonstrations, prompts: [], minCount: 1 });
    const { tokenizerJson, tokenizerConfig, eos, pad, unk, bos } = tokenizerFiles(text);
    assert.equal(tokenizerJson, text);
    assert.deepEqual(tokenizerConfig, {
      bos_token: "<|endoftext|>",
      eos_token: "<|endoftext|>",
      pad_token: "<|padding|>",
      unk_token: "<unk>",
      clean_up_tokenization_spaces: false,
    });
    assert.deepEqual([eos.id, pad.id, unk?.id, bos?.id], [0, 1, 2, 0]);
  });

  for (const name of ["neox_like", "llama3_like", "llama2_like", "split_metaspace"] as const) {
    it(`gives files that read as the same bundle again (${name})`, () => {
      const text = readTokenizerFolder(tinyBpeFiles(name, { chat_template: "{{ messages }}" }), "a");
      const { tokenizerJson, tokenizerConfig } = tokenizerFiles(text);
      assert.deepEqual(JSON.parse(tokenizerJson), JSON.parse(tinyBpeFiles(name).tokenizerJson));
      assert.equal(
        readTokenizerFolder({ tokenizerJson, tokenizerConfig: JSON.stringify(tokenizerConfig) }, "b"),
        text,
      );
    });
  }

  it("suppresses padding and the unknown token, but never what ends a text", () => {
    const suppressed = (name: TinyBpe) =>
      tokenizerFiles(readTokenizerFolder(tinyBpeFiles(name), "a")).suppressed;
    // GPT-NeoX declares its end token to be the unknown one, too.
    assert.deepEqual(suppressed("neox_like"), [1]);
    assert.deepEqual(suppressed("split_metaspace"), [3, 0]);
    assert.deepEqual(suppressed("llama2_like"), [0]);
  });

  it("names tokens with their ids, and no others than the checkpoint has", () => {
    const { eos, pad, unk, bos } = tokenizerFiles(readTokenizerFolder(tinyBpeFiles("llama3_like"), "a"));
    assert.deepEqual([eos.token, pad.token, unk], ["<|endoftext|>", "<|finetune_right_pad_id|>", undefined]);
    assert.deepEqual([bos?.id, eos.id, pad.id], [520, 521, 522]);
  });
});
