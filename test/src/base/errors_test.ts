import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import * as errors from "../../../src/base/errors.ts";

describe("exitCode()", () => {
  it("is the contract's code of every error class", () => {
    const file = "f",
      cases: [Error, number][] = [
        [new errors.ConfigError("x"), 2],
        [new errors.SchemaError("x", { file, line: 3 }), 2],
        [new errors.LockedError("x"), 2],
        [new errors.NothingToResumeError("x"), 3],
        [new errors.DamageError("x", { file }), 4],
        [new errors.ReplayMismatchError("x", { sequence: 7 }), 4],
        [new errors.BusError("x"), 5],
        [new errors.RunFailedError("x"), 1],
        [new TypeError("a bug"), 1],
      ];
    for (const [error, code] of cases) assert.equal(errors.exitCode(error), code, error.name);
  });

  it("belongs to messages that name file and line, or the event", () => {
    assert.equal(
      new errors.SchemaError("is no JSON", { file: "a.jsonl", line: 3 }).message,
      "a.jsonl:3: is no JSON",
    );
    assert.equal(new errors.DamageError("was changed", { file: "a", line: 2 }).message, "a:2: was changed");
    assert.match(new errors.ReplayMismatchError("differs", { sequence: 7 }).message, /^Event 7: /);
  });
});
