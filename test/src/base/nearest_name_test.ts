// The nearest known name, by edit distance.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { editDistance, nearestName } from "../../../src/base/nearest_name.ts";

describe("nearestName()", () => {
  it("finds the smallest number of changed letters", () => {
    assert.equal(editDistance("kitten", "sitting"), 3); // k→s, e→i, +g
    assert.equal(editDistance("", "abc"), 3);
    assert.equal(nearestName("prset", ["seed", "preset", "resume"]), "preset");
    assert.equal(nearestName("x", []), undefined);
  });
});
