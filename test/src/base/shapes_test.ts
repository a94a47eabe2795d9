import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { ShapeError } from "../../../src/base/errors.ts";
import { checkShapes } from "../../../src/base/shapes.ts";

describe("checkShapes()", () => {
  const wanted = { logits: ["rows", "vocab"], labels: ["rows"] };

  it("takes any sizes that agree between arguments", () => {
    checkShapes("loss()", wanted, { logits: { shape: [4, 9] }, labels: { shape: [4] } });
  });

  it("names function, argument, wanted and actual shape", () => {
    assert.throws(
      () => checkShapes("loss()", wanted, { logits: { shape: [4, 9] }, labels: { shape: [5] } }),
      (error) =>
        error instanceof ShapeError && error.message === 'loss(): "labels" must be [rows=4], got [5]',
    );
  });

  it("refuses another number of axes and another fixed size", () => {
    assert.throws(() => checkShapes("f()", { x: ["rows", 3] }, { x: { shape: [2, 4] } }), ShapeError);
    assert.throws(() => checkShapes("f()", { x: ["rows"] }, { x: { shape: [2, 4] } }), ShapeError);
  });
});
