// Functions of a state on the tiers that run operation by operation; the traced ones are in traced_compile_slow_test.ts.
import { afterAll, beforeAll, describe } from "@std/testing/bdd";
import { openTier, type Tier } from "../../../src/compute/tier.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { stateContract } from "./state_contract.ts";

describe('compileWithState() on the tier "cpu"', () => stateContract(useCpuTier()));

describe('compileWithState() on the tier "wasm"', () => {
  let tier: Tier | undefined;
  beforeAll(async () => {
    tier = await openTier({ name: "wasm", threads: 1 });
  });
  afterAll(async () => await tier?.dispose());
  stateContract({
    get tier() {
      if (tier === undefined) throw new Error("the tier is there only while tests run");
      return tier;
    },
  });
});
