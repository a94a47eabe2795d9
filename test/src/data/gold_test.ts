// Both gold measures under one form.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { goldFor } from "../../../src/data/gold.ts";
import { numSlotErrors } from "../../../src/data/slot_errors.ts";

describe("goldFor()", () => {
  it("names the measure with its version", () => {
    assert.equal(goldFor("made-up").version, "made-up-1");
    assert.equal(goldFor("e2e").version, "e2e-1");
  });

  it("gives each task its own checker", () => {
    assert.equal(numSlotErrors(goldFor("made-up").check("name[Grey Heron]", "The Grey Heron is a boat.")), 0);
    assert.equal(numSlotErrors(goldFor("e2e").check("name[The Mill]", "The Mill is a place.")), 0);
    assert.equal(numSlotErrors(goldFor("e2e").check("name[Grey Heron]", "Nothing.")), 1);
  });
});
