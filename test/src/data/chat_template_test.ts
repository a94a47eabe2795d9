// Chat templates: the texts of transformers, and what a template says when it refuses.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { parseChatTemplate, renderChat } from "../../../src/data/chat_template.ts";
import parity from "../../golden/chat_parity.json" with { type: "json" };

const specialTokens = { eos: "</s>", bos: "<s>" };
const render = (source: string, messages = [{ role: "user", content: "Hello" }]) =>
  renderChat(parseChatTemplate(source, "folder"), messages, { specialTokens, addGenerationPrompt: false });
const templates: Record<string, string> = parity.templates;

describe("renderChat()", () => {
  for (const [place, { template, messages, addGenerationPrompt, text }] of parity.cases.entries()) {
    it(`gives the text of transformers (${template}, case ${place + 1})`, () => {
      const parsed = parseChatTemplate(templates[template], "folder");
      assert.equal(renderChat(parsed, messages, { specialTokens, addGenerationPrompt }), text);
    });
  }

  it("hands on what a template says of messages that it refuses", () => {
    const messages = [{ role: "assistant", content: "Hello" }];
    assert.throws(() => render(templates.alternating, messages), {
      name: "SchemaError",
      message: /^folder: Change the messages .*Take turns: user, assistant, user/,
    });
  });

  it("tells no date, so that equal rows give equal texts", () => {
    const source =
      '{% if strftime_now is defined %}{{ strftime_now("%d %b %Y") }}{% else %}no date{% endif %}';
    assert.equal(render(source), "no date");
  });

  it("counts as Python's range does", () => {
    assert.equal(render("{% for i in range(3) %}{{ i }}{% endfor %}"), "012");
    assert.equal(render("{% for i in range(5, 1, -2) %}{{ i }}{% endfor %}"), "53");
  });

  it("leaves out the marks of what the assistant says", () => {
    assert.equal(render("{% generation %}{{ messages[0].content }}{% endgeneration %}"), "Hello");
  });
});

describe("parseChatTemplate()", () => {
  it("names the file of a template that is none", () => {
    assert.throws(() => parseChatTemplate("{% for %}", "folder/chat_template.jinja"), {
      name: "SchemaError",
      message: /^folder\/chat_template\.jinja: Write the chat template again/,
    });
  });
});
