// The shapes in which demonstrations come, and the errors of rows that have another one.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Conversation } from "../../../src/data/chat_messages.ts";
import { parseDemonstrations } from "../../../src/data/read_demonstrations.ts";

const parse = (rows: unknown[], fields?: { prompt?: string; completion?: string }) =>
  parseDemonstrations(rows.map((row) => JSON.stringify(row)).join("\n"), { file: "d.jsonl", fields });

describe("parseDemonstrations()", () => {
  it("reads prompt and completion, and passes over other fields", () => {
    assert.deepEqual(parse([{ prompt: "p", completion: " c", id: 7 }]), [{ prompt: "p", completion: " c" }]);
  });

  it("takes response for an absent completion", () => {
    assert.deepEqual(parse([{ prompt: "p", response: "r" }]), [{ prompt: "p", completion: "r" }]);
    assert.deepEqual(parse([{ prompt: "p", response: "r", completion: "c" }]), [{
      prompt: "p",
      completion: "c",
    }]);
  });

  it("follows a mapping of fields", () => {
    assert.deepEqual(parse([{ question: "q", answer: "a" }], { prompt: "question", completion: "answer" }), [
      { prompt: "q", completion: "a" },
    ]);
  });

  it("makes a conversation's last answer the completion", () => {
    const messages = [{ role: "user", content: "Hello" }, { role: "assistant", content: "Hi" }];
    assert.deepEqual(parse([{ messages }]), [{ prompt: "Hello", completion: "Hi" }]);
  });

  it("joins several earlier turns as lines with their roles", () => {
    const messages = [
      { role: "system", content: "Be short" },
      { role: "user", content: "Hello" },
      { role: "assistant", content: "Hi" },
    ];
    assert.deepEqual(parse([{ messages }]), [{ prompt: "system: Be short\nuser: Hello", completion: "Hi" }]);
  });

  it("takes messages for prompt and completion, and a conversation beside its first prompt", () => {
    const prompt = [{ role: "user", content: "Hello" }], completion = [{ role: "assistant", content: "Hi" }];
    const wanted = [{ prompt: "Hello", completion: "Hi" }];
    assert.deepEqual(parse([{ prompt, completion }]), wanted);
    assert.deepEqual(parse([{ q: prompt, a: completion }], { prompt: "q", completion: "a" }), wanted);
    assert.deepEqual(parse([{ prompt: "Hello", messages: [...prompt, ...completion] }]), wanted);
  });

  it("follows the chat format that it is given", () => {
    const chat = {
      prompt: () => "p",
      demonstration: ({ prompt, answer }: Conversation) => ({
        prompt: `${prompt.length} before`,
        completion: `${answer.length} behind`,
      }),
    };
    const messages = [{ role: "user", content: "u" }, { role: "assistant", content: "a" }];
    assert.deepEqual(parseDemonstrations(JSON.stringify({ messages }), { file: "d.jsonl", chat }), [
      { prompt: "1 before", completion: "1 behind" },
    ]);
  });

  const refused: [name: string, row: unknown, message: RegExp][] = [
    [
      "a missing field, with the fields there are",
      { question: "q", answer: "a" },
      /^d\.jsonl:2: Add the field "prompt", or name the one that holds it \(--fields prompt=NAME\): this row has "question", "answer"$/,
    ],
    ["a row without fields", {}, /d\.jsonl:2: .*has no fields$/],
    [
      "an empty completion",
      { prompt: "p", completion: " \n" },
      /d\.jsonl:2: Fill in "completion" or remove the row/,
    ],
    ["an empty prompt", { prompt: "", completion: "c" }, /d\.jsonl:2: Fill in "prompt"/],
    [
      "a completion that is no text",
      { prompt: "p", completion: 5 },
      /d\.jsonl:2: Make "completion" a text: it is a number/,
    ],
    ["a row that is no object", ["p", "c"], /d\.jsonl:2: .*this line is a list$/],
    [
      "messages that are no list",
      { messages: "hello" },
      /Make "messages" a list of \{role, content\}: it is a text/,
    ],
    [
      "a conversation that ends with the user",
      { messages: [{ role: "user", content: "u" }] },
      /End "messages" with an assistant/,
    ],
    [
      "an answer to nothing",
      { messages: [{ role: "assistant", content: "a" }] },
      /to at least one earlier message/,
    ],
    [
      "a completion that is a text to messages",
      { prompt: [{ role: "user", content: "u" }], completion: "c" },
      /Make "completion" a list of \{role, content\}, as "prompt" is one: it is a text/,
    ],
    [
      "messages without a completion",
      { prompt: [{ role: "user", content: "u" }] },
      /Add the field "completion"/,
    ],
    ["a conversation without a message", { messages: [] }, /Fill in "messages" or remove the row/],
    ["a message without a role", { messages: [{ content: "a" }] }, /Add the field "role"/],
    ["a message that is no object", { messages: ["a"] }, /one is a text/],
  ];
  for (const [name, row, message] of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(() => parse([{ prompt: "p", completion: "c" }, row]), { name: "SchemaError", message });
    });
  }

  it("never shows what stands in a row", () => {
    const secret = "do not print this ".repeat(50);
    for (
      const row of [{ prompt: secret, completion: 5 }, { prompt: secret }, secret, { prompt: { secret } }]
    ) {
      assert.throws(
        () => parse([row]),
        (error) => error instanceof Error && !error.message.includes("do not"),
      );
    }
  });
});
