// The whole of --growth with a made-up side: each point once, memory beyond the libraries, files and verdict.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "@std/testing/bdd";
import type { FromSide, SideTier } from "../../../scripts/bench/bench_protocol.ts";
import { measureGrowth } from "../../../scripts/bench/growth.ts";
import { growthFlops, growthSize, type GrowthWork } from "../../../scripts/bench/growth_points.ts";
import type { Side } from "../../../scripts/bench/side_process.ts";

const WORK_OF_KIND: Record<string, GrowthWork> = {
  training: "training",
  rollout: "generation",
  scoring: "scoring",
};

/** Sides whose calls take as long as `power` of their arithmetic says. */
async function growthBy(power: number, tier: SideTier = { name: "wasm", threads: 1 }) {
  const prepared: string[] = [], lines: string[] = [];
  const start = (): Side => {
    let seconds = 1;
    return {
      pid: 0,
      ask(question) {
        if (question.type === "prepare") {
          const { spec } = question;
          prepared.push(JSON.stringify(spec));
          const layers = "model" in spec ? spec.model.layers : 0;
          seconds = (1e-10 * growthFlops(WORK_OF_KIND[spec.kind], growthSize("layers", layers))) ** power;
        }
        const answer: Exclude<FromSide, { type: "failed" }> = question.type === "prepare"
          ? { type: "ready", engine: "made up", variants: ["a"], checks: {} }
          : { type: "ran", seconds, counts: {} };
        return Promise.resolve(answer);
      },
      close: () => Promise.resolve(),
    };
  };
  const out = await Deno.makeTempDir({ prefix: "growth-" });
  try {
    const report = await measureGrowth({
      tier,
      threads: 1,
      folder: out,
      out,
      terminal: { width: 80, line: (text) => lines.push(text), progress: () => {} },
      axes: ["layers"],
      start,
    });
    const plot = await Deno.readTextFile(join(out, "growth.svg"));
    const stored = JSON.parse(await Deno.readTextFile(join(out, "growth.json")));
    return { report, plot, stored, prepared, text: lines.join("\n") };
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

describe("measureGrowth()", () => {
  it("measures every point once and finds no step worse than its arithmetic", async () => {
    const { report, plot, stored, prepared, text } = await growthBy(1);
    // Three works at four depths, after the process that does next to nothing.
    assert.equal(prepared.length, 13);
    assert.equal(report.points.length, 12);
    assert.deepEqual(report.worse, []);
    assert.match(text, /No step is worse than its arithmetic/);
    assert.match(plot, /^<svg /);
    assert.deepEqual(stored.points, report.points);
  });

  it("compiles in a process before the one that is measured", async () => {
    const { report, prepared } = await growthBy(1, { name: "native", threads: 1, libraryDirectory: "/lib" });
    assert.equal(prepared.length, 2 * 13);
    assert.equal(report.points.length, 12);
  });

  it("names every step that is", async () => {
    const { report, text } = await growthBy(2);
    assert.equal(report.worse.length, 3);
    assert.match(text, /Worse than its arithmetic:\n {2}training: time grows with depth/);
  });
});
