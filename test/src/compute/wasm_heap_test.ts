// The one changed bit of tfjs's binary: right for a module like it, refused for any other.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { withSharedMemory } from "../../../src/compute/wasm_heap.ts";

const HEADER = [0, 97, 115, 109, 1, 0, 0, 0];
/** A custom section (number 0) of 200 bytes, whose length takes two bytes to write. */
const CUSTOM = [0, 200, 1, 1, 120, ...new Array<number>(198).fill(7)];
/** One memory of 1 to 2 pages; exported as "m". */
const MEMORY = [5, 4, 1, 1, 1, 2], EXPORT = [7, 5, 1, 1, 109, 2, 0];

describe("withSharedMemory()", () => {
  it("makes a module's own memory shared and leaves the given bytes as they are", () => {
    const binary = Uint8Array.of(...HEADER, ...CUSTOM, ...MEMORY, ...EXPORT), before = binary.slice();
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(withSharedMemory(binary)));
    assert.ok(exports.m instanceof WebAssembly.Memory && exports.m.buffer instanceof SharedArrayBuffer);
    assert.deepEqual(binary, before);
  });

  it("refuses a module without a memory, with an endless one or with a shared one", () => {
    for (const memory of [[], [5, 3, 1, 0, 1], [5, 4, 1, 3, 1, 2]]) {
      assert.throws(
        () => withSharedMemory(Uint8Array.of(...HEADER, ...memory)),
        /Install tfjs-backend-wasm 4\.22\.0/,
      );
    }
  });
});
