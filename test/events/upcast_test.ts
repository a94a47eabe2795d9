// Old versions stay readable, newer ones are refused with a way out, and nothing that is read can make reading throw.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import fc from "fast-check";
import { readEvent, upcast, type Upcasters } from "../../events/mod.ts";

const UPCASTERS: Upcasters = {
  TextWritten: {
    1: ({ words, ...rest }) => ({ ...rest, tokens: words }),
    2: (data) => ({ ...data, language: "en" }),
  },
};

describe("upcast()", () => {
  it("applies one upcaster a version, in order, and counts the version up", () => {
    const data = { v: 1, words: 5, text: "a" };
    assert.deepEqual(upcast({ type: "TextWritten", data }, 3, UPCASTERS), {
      value: { v: 3, tokens: 5, text: "a", language: "en" },
    });
    assert.deepEqual(upcast({ type: "TextWritten", data: { v: 2, tokens: 5 } }, 3, UPCASTERS), {
      value: { v: 3, tokens: 5, language: "en" },
    });
    assert.deepEqual(data, { v: 1, words: 5, text: "a" });
  });

  it("leaves data of the newest version as they are", () => {
    const data = { v: 3, tokens: 5 };
    assert.deepEqual(upcast({ type: "TextWritten", data }, 3, UPCASTERS), { value: data });
  });

  it("asks for an upgrade when the data are newer", () => {
    assert.deepEqual(upcast({ type: "TextWritten", data: { v: 4 } }, 3, UPCASTERS), {
      problem: "Upgrade to read this log: TextWritten is version 4, known up to 3",
    });
  });

  it("says which version is needed when an upcaster is missing", () => {
    assert.deepEqual(upcast({ type: "TextRead", data: { v: 1 } }, 2, UPCASTERS), {
      problem: "Read this log with the version that wrote it: TextRead 1",
    });
  });

  it("names data without a version", () => {
    for (const data of [null, [], "text", {}, { v: 0 }, { v: 1.5 }, { v: "1" }]) {
      const reading = upcast({ type: "TextWritten", data }, 3, UPCASTERS);
      assert.deepEqual(reading, {
        problem: "Restore the log from a copy: a TextWritten event without a version",
      });
    }
  });
});

describe("readEvent()", () => {
  it("gives the event of a record", () => {
    const record = { type: "RunPaused", id: "r/0/pause/0/0", data: { v: 1, reason: "interrupted" } };
    assert.deepEqual(readEvent({ ...record }), { value: record });
  });

  it("asks for an upgrade when the type is not known", () => {
    assert.deepEqual(readEvent({ type: "RunDreamt", id: "", data: { v: 1 } }), {
      problem: 'Upgrade to read this log: events of type "RunDreamt" are not known here',
    });
  });

  it("names the field that a schema refuses", () => {
    const reading = readEvent({ type: "RunPaused", id: "", data: { v: 1, reason: "bored" } });
    assert.ok("problem" in reading);
    assert.match(reading.problem, /not a RunPaused event: data\.reason: /);
    const extra = readEvent({ type: "RunPaused", id: "", data: { v: 1, reason: "interrupted", mood: 1 } });
    assert.ok("problem" in extra);
    assert.match(extra.problem, /mood/);
  });

  it("never throws, whatever a record holds (property)", () => {
    const type = fc.oneof(fc.string(), fc.constantFrom("RunStarted", "StepFailed", "__proto__", "toString"));
    fc.assert(
      fc.property(type, fc.anything(), (type, data) => {
        const reading = readEvent({ type, id: "r", data });
        assert.ok("problem" in reading || "value" in reading);
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});
