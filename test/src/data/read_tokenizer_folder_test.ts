// Which tokens of a folder end, pad and start a text, and what is said when that cannot be known.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { buildTokenizer } from "../../../src/data/tokenizer_json.ts";
import { loadTokenizer } from "../../../src/data/load_tokenizer.ts";
import { readTokenizerFolder, type TokenizerFolderFiles } from "../../../src/data/read_tokenizer_folder.ts";
import { type TinyBpe, tinyBpeFiles } from "../../support/tiny_bpe.ts";

const read = (files: TokenizerFolderFiles) => readTokenizerFolder(files, "folder");
const bundle = (files: TokenizerFolderFiles) => JSON.parse(read(files));
const roles = (name: TinyBpe, config: Record<string, unknown> = {}) =>
  bundle(tinyBpeFiles(name, config)).specialTokens;

describe("readTokenizerFolder()", () => {
  it("takes tokens as texts and as objects from tokenizer_config.json", () => {
    assert.deepEqual(roles("llama3_like"), {
      eos: "<|endoftext|>",
      pad: "<|finetune_right_pad_id|>",
      bos: "<|begin_of_text|>",
    });
  });

  it("takes from special_tokens_map.json what tokenizer_config.json does not say", () => {
    const { tokenizerJson } = tinyBpeFiles("metaspace_like");
    const specialTokensMap = JSON.stringify({ eos_token: { content: "</s>" }, bos_token: "<s>" });
    assert.deepEqual(bundle({ tokenizerJson, tokenizerConfig: "{}", specialTokensMap }).specialTokens, {
      eos: "</s>",
      pad: "<pad>",
      bos: "<s>",
    });
  });

  it("takes ids of generation_config.json, the first of a list, before those of config.json", () => {
    const { tokenizerJson } = tinyBpeFiles("metaspace_like"), config = JSON.stringify({ eos_token_id: 1 });
    assert.equal(bundle({ tokenizerJson, config }).specialTokens.eos, "<s>");
    const generationConfig = JSON.stringify({ eos_token_id: [2, 1] });
    assert.equal(bundle({ tokenizerJson, config, generationConfig }).specialTokens.eos, "</s>");
  });

  it("never pads with the token that ends a text", () => {
    assert.equal(roles("neox_like", { pad_token: "<|endoftext|>" }).pad, "<|padding|>");
    assert.equal(roles("llama2_like").pad, "<unk>");
    assert.equal(roles("metaspace_like", { pad_token: "</s>" }).pad, "<pad>");
  });

  it("pads with the token that the folder declares for it", () => {
    assert.equal(roles("metaspace_like", { pad_token: "<s>" }).pad, "<s>");
    assert.equal(roles("metaspace_like", { pad_token: { content: "<s>" } }).pad, "<s>");
    assert.equal(roles("metaspace_like", { pad_token: "<gap>" }).pad, "<pad>");
  });

  it("says what to do where no token can pad", () => {
    const { tokenizerJson } = tinyBpeFiles("neox_like");
    const files = {
      tokenizerJson: tokenizerJson.replaceAll("<|padding|>", "<|other|>"),
      tokenizerConfig: JSON.stringify({ eos_token: "<|endoftext|>", pad_token: "<|endoftext|>" }),
    };
    assert.throws(() => read(files), {
      name: "SchemaError",
      message:
        /^folder\/tokenizer_config\.json: Name a token .* as "pad_token": "<\|endoftext\|>" ends a text, too/,
    });
    const without = { ...files, tokenizerConfig: '{"eos_token":"<|endoftext|>"}' };
    assert.throws(
      () => read(without),
      /^SchemaError: folder\/tokenizer_config\.json: .*"pad_token": there is none/,
    );
    const tokenizerConfig = '{"eos_token":"<|endoftext|>","pad_token":"<|other|>"}';
    assert.equal(bundle({ ...files, tokenizerConfig }).specialTokens.pad, "<|other|>");
  });

  it("refuses a folder that does not say what ends a text", () => {
    const { tokenizerJson } = tinyBpeFiles("neox_like");
    assert.throws(() => read({ tokenizerJson }), /tokenizer_config\.json: Name the token that ends a text/);
    assert.throws(
      () => read(tinyBpeFiles("neox_like", { eos_token: "<eot>" })),
      /folder\/tokenizer\.json: Add "<eot>" to the vocabulary/,
    );
  });

  it("knows from the tokenizer's own template, or from the flag, whether a text starts with a token", () => {
    assert.equal(bundle(tinyBpeFiles("llama3_like")).startsWithBos, true);
    assert.equal(bundle(tinyBpeFiles("llama2_like")).startsWithBos, true);
    assert.equal(bundle(tinyBpeFiles("llama2_like", { add_bos_token: false })).startsWithBos, false);
    assert.equal(bundle(tinyBpeFiles("metaspace_like")).startsWithBos, false);
    assert.equal(bundle(tinyBpeFiles("metaspace_like", { add_bos_token: true })).startsWithBos, true);
  });

  it("keeps the chat template: a file of its own, a text, or the one named default", () => {
    const template = (files: TokenizerFolderFiles) => bundle(files).chatTemplate;
    const several = [{ name: "tool_use", template: "b" }, { name: "default", template: "a" }];
    assert.equal(template(tinyBpeFiles("llama2_like")), undefined);
    assert.equal(template(tinyBpeFiles("llama2_like", { chat_template: "a" })), "a");
    assert.equal(template(tinyBpeFiles("llama2_like", { chat_template: several })), "a");
    const own = { ...tinyBpeFiles("llama2_like", { chat_template: "a" }), chatTemplateJinja: "c" };
    assert.equal(template(own), "c");
  });

  it("gives equal bytes for equal files, whatever the order of their fields", () => {
    const files = tinyBpeFiles("neox_like");
    const turned = Object.entries(JSON.parse(files.tokenizerJson)).reverse();
    const again = { ...files, tokenizerJson: JSON.stringify(Object.fromEntries(turned), null, 2) };
    assert.equal(read(again), read(files));
  });

  it("leaves a word-level tokenizer.json of ours as it is", () => {
    const text = buildTokenizer({
      demonstrations: [{ prompt: "a", completion: "b" }],
      prompts: [],
      minCount: 1,
    });
    assert.equal(read({ tokenizerJson: text, tokenizerConfig: "{}" }), text);
    assert.equal(loadTokenizer(text).unkId, 2);
  });
});
