// What the processes of both sides are started with.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { ourProgram, peerProgram } from "../../../scripts/bench/side_process.ts";

describe("ourProgram() and peerProgram()", () => {
  const peer = peerProgram("python3", 2).environment;

  it("give both sides the same settings of the allocator", () => {
    const ours = ourProgram({ name: "native", threads: 2 }).environment;
    const allocator = Object.keys(ours).filter((name) => name.startsWith("MALLOC_"));
    assert.ok(allocator.length > 0);
    for (const name of allocator) assert.equal(peer[name], ours[name]);
  });

  it("give the peer its threads, and nothing of our library's", () => {
    assert.equal(peer.OMP_NUM_THREADS, "2");
    assert.deepEqual(
      Object.keys(peer).filter((name) => name.startsWith("TF_") || name === "LD_LIBRARY_PATH"),
      [],
    );
  });
});
