// The plan's memory beside what processes take: each step of the smallest preset, on the tiers that are here.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { planTable, resolvePlan } from "../../../scripts/plan.ts";
import { parseCommandLine } from "../../../scripts/command_line.ts";
import { measuredLines, measurePlan } from "../../../scripts/plan/measure_plan.ts";
import type { TierOptions } from "../../../src/compute/tier.ts";
import { nativeTestLibrary } from "../../src/compute/native_test_library.ts";

const library = nativeTestLibrary();

/** Where nothing but a runtime and libraries is in memory, their sizes differ between systems. */
const TOLERANCE = 0.25;

async function measured(tier: TierOptions) {
  const line = parseCommandLine(planTable, ["tiny", `--backend=${tier.name}`]);
  assert.ok(line !== undefined);
  const { config, data } = await resolvePlan("tiny", line.options, {});
  const steps = await measurePlan(config, data, { tier, told: () => {} });
  assert.deepEqual(steps.map(({ step }) => step), ["sft", "generate", "reward", "policy", "evaluate"]);
  const text = measuredLines(steps).join("\n");
  for (const { ratio } of steps) assert.ok(ratio > 1 - TOLERANCE && ratio < 1 + TOLERANCE, text);
}

describe("measurePlan()", () => {
  it("finds the estimate near what each step takes on wasm", () => measured({ name: "wasm", threads: 1 }));

  it("finds the estimate near what each step takes on the native tier", {
    skip: "missing" in library ? library.missing : false,
  }, async () => {
    assert.ok("directory" in library);
    await measured({ name: "native", threads: 2, libraryDirectory: library.directory });
  });
});
