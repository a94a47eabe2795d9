import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import assert from "node:assert/strict";
import { ConfigError } from "../../../src/base/errors.ts";
import { checkRunName } from "../../../src/store/run_name.ts";

describe("checkRunName()", () => {
  it("checkRunName() returns names of lower-case letters, digits and dashes", () => {
    for (const name of ["a", "0", "a-1", "2026-11-24-demo", "a".repeat(64), "a-"]) {
      assert.equal(checkRunName(name), name);
    }
  });

  it("checkRunName() refuses what means something to a file system, a URL or a bus", () => {
    const names = [
      "",
      ".",
      "..",
      "../a",
      "a/b",
      "a\\b",
      "%2e%2e",
      "a.b",
      "a*",
      ">",
      "a b",
      "a\n",
      "\na",
      "a\0",
      "A",
    ];
    for (
      const name of [
        ...names,
        "-a",
        "_",
        "é",
        "ａ",
        "a\u0301",
        "а",
        "a\u200b",
        "a".repeat(65),
        "a".repeat(300),
      ]
    ) {
      assert.throws(
        () => checkRunName(name),
        (error) => error instanceof ConfigError && error.message.length < 700,
      );
    }
  });

  it("checkRunName() accepts nothing but the allowed characters (fuzz)", () => {
    const allowed = new Set("abcdefghijklmnopqrstuvwxyz0123456789-");
    const accepts = (name: string) => {
      try {
        return checkRunName(name) === name;
      } catch {
        return false;
      }
    };
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.stringMatching(/^[a-z0-9-]{0,70}$/));
    fc.assert(
      fc.property(text, (name) => {
        const wanted = name.length >= 1 && name.length <= 64 && !name.startsWith("-") &&
          Array.from(name).every((character) => allowed.has(character));
        assert.equal(accepts(name), wanted);
      }),
      { numRuns: 500, seed: 1 },
    );
  });
});
