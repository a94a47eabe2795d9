// How findings of one slot become missing and added values.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { judgeFound } from "../../../src/data/found_values.ts";

describe("judgeFound()", () => {
  it("finds the wanted value among the meanings of a wording", () => {
    assert.deepEqual(judgeFound([{ values: ["a", "b"] }], "b"), { isStated: true, added: [] });
  });

  it("reports a wording that does not mean the wanted value under its first meaning, once", () => {
    assert.deepEqual(judgeFound([{ values: ["a", "b"] }, { values: ["a"] }], "c"), {
      isStated: false,
      added: ["a"],
    });
    assert.deepEqual(judgeFound([{ values: ["a"] }], undefined), { isStated: false, added: ["a"] });
  });

  it("reports a second value beside the right one", () => {
    assert.deepEqual(judgeFound([{ values: ["a"] }, { values: ["c"] }], "c"), {
      isStated: true,
      added: ["a"],
    });
  });

  it("accepts a vague wording and never reports it", () => {
    assert.deepEqual(judgeFound([{ values: ["a"], isVague: true }], "a"), { isStated: true, added: [] });
    assert.deepEqual(judgeFound([{ values: ["a"], isVague: true }], "b"), { isStated: false, added: [] });
  });
});
