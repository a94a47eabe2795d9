// Sample texts side by side in a terminal.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { samplesLines } from "../../../src/status/samples_text.ts";

describe("samplesLines()", () => {
  it("sets SFT beside now, wrapped at words", () => {
    const samples = [{
      prompt: "name[Otter]",
      sft: "The Otter is a boat.",
      policy: "The Otter is a paddle boat.",
    }];
    assert.deepEqual(samplesLines(samples, { now: "iteration 2", width: 37 }), [
      "  name[Otter]",
      "  SFT             │ iteration 2",
      "  The Otter is a  │ The Otter is a",
      "  boat.           │ paddle boat.",
      "",
    ]);
  });

  it("cuts words longer than a line and takes control characters out", () => {
    const samples = [{ prompt: "p", sft: `${"x".repeat(40)}\u001b[31m`, policy: "" }];
    const lines = samplesLines(samples, { now: "now", width: 47 });
    assert.deepEqual(lines.slice(2, 5), [
      `  ${"x".repeat(20)} │`,
      `  ${"x".repeat(20)} │`,
      `  ${"[31m".padEnd(20)} │`,
    ]);
  });
});
