// A side as a child process: answers in order, noise passed over, failures with their reason, environment of both sides.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { describe, it } from "@std/testing/bdd";
import type { ToSide } from "../../../scripts/bench/bench_protocol.ts";
import { type Side, startSide } from "../../../scripts/bench/side_process.ts";

const prepare: ToSide = {
  type: "prepare",
  spec: {
    kind: "scoring",
    model: { layers: 1, hidden: 32, heads: 1, vocabulary: 64, positions: 64 },
    sequences: 1,
    time: 8,
  },
  folder: "none",
  threads: 3,
  device: "cpu",
};
const run = (variant: string): ToSide => ({ type: "run", variant, repeats: 1 });

async function withFakeSide(body: (side: Side) => Promise<void>): Promise<void> {
  const script = fileURLToPath(new URL("./fake_side.ts", import.meta.url));
  const side = startSide({
    name: "the fake",
    command: Deno.execPath(),
    args: ["run", "--allow-env", "--no-prompt", "--quiet", script],
    environment: { OMP_NUM_THREADS: "3" },
  });
  try {
    await body(side);
  } finally {
    await side.close();
  }
}

describe("startSide()", () => {
  it("asks and is answered, past what is not the protocol", async () => {
    await withFakeSide(async (side) => {
      const ready = await side.ask(prepare);
      assert.deepEqual(ready, {
        type: "ready",
        engine: "fake",
        variants: ["a"],
        checks: { kind: 7 },
      });
      assert.deepEqual(await side.ask(run("a")), { type: "ran", seconds: 0.5, counts: { threads: 3 } });
    });
  });

  it("throws what a side says of its failure, and goes on", async () => {
    await withFakeSide(async (side) => {
      await assert.rejects(side.ask(run("fails")), /the fake: no such variant/);
      assert.equal((await side.ask(run("a"))).type, "ran");
    });
  });

  it("throws the last words of a side that ends", async () => {
    await withFakeSide(async (side) => {
      await assert.rejects(side.ask(run("ends")), /the fake ended: out of memory/);
    });
  });
});
