// Every policy optimiser on the native tier, where its steps are compiled: the same bytes in two chunks as in one, PPO's first ratio,
// and numbers near those of the tier "cpu".
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { OptimisePolicy } from "../../../events/mod.ts";
import { optimisePolicy } from "../../../src/irl/optimise_policy.ts";
import { nativeSkip, useNativeTier } from "../../support/native_tier.ts";
import { stepFixture } from "../../support/step_fixture.ts";

type Settings = OptimisePolicy["settings"];

describe("optimisePolicy() on the native tier", { skip: nativeSkip }, () => {
  const native = useNativeTier();

  const optimisers: Partial<Settings>[] = [
    { optimiser: "rloo" },
    { optimiser: "ppo", epochs: 2 },
    { optimiser: "best-of-n", epochs: 2 },
    { optimiser: "raft" },
  ];
  for (const settings of optimisers) {
    it(`${settings.optimiser}: ends with the same bytes in two chunks as in one`, async () => {
      const { ports, config, optimisePolicy: command } = await stepFixture(native.tier);
      const change = { settings: { ...config.policy, ...settings, maxNewTokens: 4 } };
      const whole = await optimisePolicy(command(change), ports);
      const first = await optimisePolicy(command({ ...change, toStep: 2 }), ports);
      const rest = { ...change, chunk: 1, fromStep: 2, state: first.data.state };
      const second = await optimisePolicy(command(rest), ports);
      assert.deepEqual([second.data.state, second.data.policy], [whole.data.state, whole.data.policy]);
      const errors = ports.progressed.map(({ metrics }) => metrics?.firstRatioError ?? 0);
      assert.ok(errors.every((error) => error <= 1e-5), `${errors}`);
    });
  }
});
