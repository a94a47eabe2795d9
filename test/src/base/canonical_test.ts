import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalJson, digestOf, sha256 } from "../../../src/base/canonical.ts";

describe("canonicalJson()", () => {
  it("sorts keys by code unit, leaves undefined fields out and writes -0 as 0", () => {
    assert.equal(
      canonicalJson({ b: [1, { z: null, a: -0 }], B: "é", a: undefined }),
      '{"B":"é","b":[1,{"a":0,"z":null}]}',
    );
  });

  it("refuses what JSON would change silently", () => {
    for (const value of [NaN, Infinity, [undefined], () => 1, 1n]) {
      assert.throws(() => canonicalJson({ value }), /canonicalJson/);
    }
  });

  it("reads back as the same value, whatever the order of keys (property)", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const plain: unknown = JSON.parse(JSON.stringify(value));
      assert.deepEqual(JSON.parse(canonicalJson(plain)), plain);
    }));
  });
});

describe("sha256()", () => {
  it("is the published digest of the empty text and of abc", () => {
    assert.equal(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert.equal(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});

describe("digestOf()", () => {
  it("is the same for equal values with keys in another order", () => {
    assert.equal(digestOf({ a: 1, b: 2 }), digestOf({ b: 2, a: 1 }));
  });
});
