// Long prompts: refused, left out, or cut as in the TL;DR recipe.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { ConfigError } from "../../../src/base/errors.ts";
import { limitPrompts } from "../../../src/data/limit_prompts.ts";
import { shortenedPost } from "../../../src/data/shorten_prompt.ts";

const tldr = (post: string) => `SUBREDDIT: r/cats\n\nTITLE: My cat\n\nPOST: ${post}\n\nTL;DR:`;
/** Words and lines count one each. */
const numTokens = (text: string) => text.split(/[ \n]+/).length;

describe("shortenedPost()", () => {
  const cut = (post: string, maxTokens: number) => shortenedPost(tldr(post), { maxTokens, numTokens });

  it("leaves a prompt that fits", () => {
    assert.equal(cut("one two", 9), tldr("one two"));
  });

  it("cuts the post back to before its last line, again and again", () => {
    // The form alone counts 7 words.
    assert.equal(numTokens(tldr("a b\nc d\ne f")), 13);
    assert.equal(cut("a b\nc d\ne f", 12), tldr("a b\nc d"));
    assert.equal(cut("a b\nc d\ne f", 10), tldr("a b"));
  });

  it("cuts single characters where there is one line, and keeps the title", () => {
    const shorter = shortenedPost(tldr("one two"), { maxTokens: 49, numTokens: (text) => text.length });
    assert.equal(shorter, tldr("o"));
    const face = shortenedPost(tldr("ab😀"), { maxTokens: 51, numTokens: (text) => text.length });
    assert.equal(face, tldr("ab"));
  });

  it("refuses another form and a prompt that is too long without its post", () => {
    assert.throws(() => shortenedPost("a b c", { maxTokens: 2, numTokens }), /Write prompts as "SUBREDDIT/);
    assert.throws(() => cut("a b", 5), /Raise task\.maxPromptTokens/);
  });
});

describe("limitPrompts()", () => {
  const row = (prompt: string) => ({ prompt, completion: " x" });
  const rows = {
    demonstrations: [row("a b c"), row("a")],
    prompts: ["a b c", "a", "b c d e"],
    evaluation: [{ prompt: "b c d e", completions: ["x"] }, { prompt: "b", completions: [] }],
    preferences: [{ prompt: "a b c", chosen: "x", rejected: "y" }],
  };
  const limit = (longPrompts: "refuse" | "leave-out" | "cut-post", maxPromptTokens: number | null) =>
    limitPrompts(rows, { maxPromptTokens, longPrompts, numTokens });

  it("changes nothing without a limit or where all prompts are within it", () => {
    assert.equal(limit("refuse", null).rows, rows);
    assert.deepEqual(limit("refuse", 4), { rows, counts: {} });
  });

  it("refuses a long prompt by its number of tokens", () => {
    assert.throws(() => limit("refuse", 2), ConfigError);
    assert.throws(() => limit("refuse", 3), /has 4 tokens, allowed are 3/);
  });

  it("leaves rows of long prompts out everywhere and counts the prompts", () => {
    const { rows: left, counts } = limit("leave-out", 2);
    assert.deepEqual(left.demonstrations, [row("a")]);
    assert.deepEqual(left.prompts, ["a"]);
    assert.deepEqual(left.evaluation.map(({ prompt }) => prompt), ["b"]);
    assert.deepEqual(left.preferences, []);
    assert.deepEqual(counts, { droppedLongPrompts: 2 });
  });

  it("refuses to leave every demonstration out", () => {
    const long = { demonstrations: [row("a b c")], prompts: ["a b c"], evaluation: [] };
    const limit = { maxPromptTokens: 2, longPrompts: "leave-out" as const, numTokens };
    assert.throws(() => limitPrompts(long, limit), /no demonstration has a prompt of at most 2 tokens/);
  });

  it("cuts the same prompt alike wherever it stands", () => {
    const long = tldr("a b\nc d");
    const { rows: cut, counts } = limitPrompts({
      demonstrations: [row(long)],
      prompts: [long, tldr("a b")],
      evaluation: [],
    }, { maxPromptTokens: 10, longPrompts: "cut-post", numTokens });
    assert.equal(cut.demonstrations[0].prompt, tldr("a b"));
    assert.deepEqual(cut.prompts, [tldr("a b")]);
    assert.deepEqual(counts, { shortenedPrompts: 1 });
  });
});
