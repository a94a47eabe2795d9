// Every preset can run.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RunConfig, unbuiltSwitches } from "../../../events/mod.ts";
import { PRESETS } from "../../../src/irl/presets.ts";

describe("PRESETS", () => {
  it("are valid, name themselves and use no switch that is not built", () => {
    for (const [name, preset] of Object.entries(PRESETS)) {
      const config = RunConfig.parse(preset);
      assert.equal(config.preset, name);
      assert.deepEqual(unbuiltSwitches(config), []);
      assert.equal(config.model.hiddenSize % config.model.numHeads, 0, `${name}: heads divide the width`);
    }
  });
});
