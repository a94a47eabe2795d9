// Conversations as prompt and completion: by a template, plainly, and not at all.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { chatFormat, plainChat, templateChat } from "../../../src/data/chat_format.ts";
import { readTokenizerFolder } from "../../../src/data/read_tokenizer_folder.ts";
import { buildTokenizer } from "../../../src/data/tokenizer_json.ts";
import parity from "../../golden/chat_parity.json" with { type: "json" };
import { tinyBpeFiles } from "../../support/tiny_bpe.ts";

const place = { file: "d.jsonl", line: 3 };
const specialTokens = { eos: "</s>", bos: "<s>" };
const format = (source: string) => templateChat(source, { specialTokens, file: "folder: chat template" });
const turn = (role: string, content: string) => ({ role, content });
const short = { prompt: [turn("user", "Hello")], answer: [turn("assistant", "Hi!")] };

describe("templateChat()", () => {
  it("ends the completion before the token that a run adds itself", () => {
    assert.deepEqual(format(parity.templates.branches).demonstration(short, place), {
      prompt: "<|user|>\nHello</s>\n<|assistant|>\n",
      completion: "Hi!",
    });
    assert.deepEqual(format(parity.templates.alternating).demonstration(short, place), {
      prompt: "<s>[INST] Hello [/INST]",
      completion: " Hi! ",
    });
  });

  it("keeps the end of a turn that does not end a text", () => {
    assert.equal(format(parity.templates.headers).demonstration(short, place).completion, "Hi!<|eot|>");
  });

  it("makes everything before the answer the prompt", () => {
    const prompt = [turn("user", "Hello"), turn("assistant", "Hi!"), turn("user", "Again")];
    const answer = [turn("assistant", "Hi again!")];
    assert.deepEqual(format(parity.templates.alternating).demonstration({ prompt, answer }, place), {
      prompt: "<s>[INST] Hello [/INST] Hi! </s><s>[INST] Again [/INST]",
      completion: " Hi again! ",
    });
  });

  it("refuses, at the row, a template whose prompt is no beginning of the conversation", () => {
    const source = "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}";
    assert.throws(() => format(source).demonstration(short, place), {
      name: "SchemaError",
      message: /^d\.jsonl:3: .*does not begin as the prompt alone does/,
    });
  });

  it("refuses, at the row, what the template refuses", () => {
    const prompt = [turn("assistant", "Hello")];
    assert.throws(
      () => format(parity.templates.alternating).demonstration({ ...short, prompt }, place),
      /^SchemaError: d\.jsonl:3: .*Take turns/,
    );
  });

  it("refuses an answer of which nothing is left", () => {
    assert.throws(
      () => format("{% for m in messages %}{{ m.role }}{% break %}{% endfor %}").demonstration(short, place),
      /nothing is left of its answer/,
    );
  });
});

describe("plainChat", () => {
  it("joins several messages as lines with their roles, and takes one answer", () => {
    const prompt = [turn("system", "Be short"), turn("user", "Hello")];
    assert.deepEqual(plainChat.demonstration({ ...short, prompt }, place), {
      prompt: "system: Be short\nuser: Hello",
      completion: "Hi!",
    });
    assert.throws(
      () => plainChat.demonstration({ ...short, answer: [...short.answer, ...short.answer] }, place),
      /d\.jsonl:3: Answer with one message/,
    );
  });
});

describe("chatFormat()", () => {
  const stored = (config: Record<string, unknown>) =>
    readTokenizerFolder(tinyBpeFiles("llama2_like", config), "folder");

  it("is the template of a checkpoint", () => {
    const chat = chatFormat(stored({ chat_template: parity.templates.alternating }), "folder");
    assert.equal(chat.prompt(short.prompt, place), "<s>[INST] Hello [/INST]");
  });

  it("refuses messages where a checkpoint has no template", () => {
    assert.throws(() => chatFormat(stored({}), "folder").demonstration(short, place), {
      name: "ConfigError",
      message: /^Put a chat_template\.jinja into "folder", .*d\.jsonl:3 holds messages/,
    });
  });

  it("is plain for a word-level tokenizer", () => {
    const demonstrations = [{ prompt: "a", completion: "b" }];
    const text = buildTokenizer({ demonstrations, prompts: [], minCount: 1 });
    assert.equal(chatFormat(text, "folder"), plainChat);
  });
});
