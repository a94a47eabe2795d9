// One work with made-up sides: who is asked what, the models that the peer is given, and what is refused.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "@std/testing/bdd";
import type { FromSide, ToSide } from "../../../scripts/bench/bench_protocol.ts";
import type { BenchWork } from "../../../scripts/bench/bench_works.ts";
import { runWork } from "../../../scripts/bench/run_work.ts";
import type { Side, SideProgram } from "../../../scripts/bench/side_process.ts";

const work: BenchWork = {
  name: "train-tiny",
  about: "a tiny training step",
  spec: {
    kind: "training",
    model: { layers: 1, hidden: 32, heads: 1, vocabulary: 64, positions: 64 },
    batch: 2,
    time: 8,
  },
  aim: 1.5,
  memoryAim: 1.2,
  rounds: 2,
};

type Answers = Record<string, number>;

/** Runs the work with a side of ours and, where `peer` is given, one of the peer that know these losses. */
async function runTiny(ours: Answers, peer?: Answers) {
  const asked: { name: string; question: ToSide }[] = [], closed: string[] = [];
  const start = ({ name }: SideProgram): Side => ({
    pid: 0,
    ask(question) {
      asked.push({ name, question });
      const isOurs = name === "our side";
      const answer: Exclude<FromSide, { type: "failed" }> = question.type === "prepare"
        ? {
          type: "ready",
          engine: name,
          variants: isOurs ? ["xla"] : ["slow", "fast"],
          checks: isOurs ? ours : peer ?? {},
        }
        : { type: "ran", seconds: isOurs ? 1 : question.variant === "fast" ? 2 : 3, counts: {} };
      return Promise.resolve(answer);
    },
    close() {
      closed.push(name);
      return Promise.resolve();
    },
  });
  const folder = await Deno.makeTempDir({ prefix: "bench-test-" });
  try {
    const result = await runWork(work, {
      tier: { name: "wasm", threads: 1 },
      threads: 2,
      device: "cpu",
      python: peer && "python3",
      seconds: 100,
      folder,
      told: () => {},
      start,
    }).catch((error: Error) => error);
    const files = peer ? Array.from(Deno.readDirSync(join(folder, "policy")), ({ name }) => name).sort() : [];
    return { result, asked, closed, files };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

describe("runWork()", () => {
  it("compares with the fastest variant of the peer and keeps the others", async () => {
    const { result, asked, closed, files } = await runTiny({ "loss 0": 4.15 }, { "loss 0": 4.15 });
    assert.ok(!(result instanceof Error));
    assert.deepEqual(result.ratio, { median: 2, min: 2, max: 2 });
    assert.deepEqual(Object.keys(result.variants ?? {}), ["slow", "fast"]);
    assert.equal(result.aim, 1.5);
    // The models that the peer opens were there when it was asked.
    assert.deepEqual(files, ["config.json", "model.safetensors"]);
    assert.deepEqual(asked.slice(0, 2).map(({ name, question }) => [name, question.type]), [
      ["our side", "prepare"],
      ["the peer", "prepare"],
    ]);
    assert.deepEqual(closed, ["our side", "the peer"]);
  });

  it("measures ours alone without a Python", async () => {
    const { result, closed } = await runTiny({ "loss 0": 4.15 });
    assert.ok(!(result instanceof Error));
    assert.equal(result.ours.median, 1);
    assert.equal(result.ratio, undefined);
    assert.equal(result.aim, undefined);
    assert.deepEqual(closed, ["our side"]);
  });

  it("refuses to compare two sides that do not do the same, and ends both", async () => {
    const { result, closed } = await runTiny({ "loss 0": 4.15 }, { "loss 0": 4.16 });
    assert.ok(result instanceof Error);
    assert.match(result.message, /do not do the same work: "loss 0" is 4.15 here and 4.16/);
    assert.deepEqual(closed, ["our side", "the peer"]);
  });
});
