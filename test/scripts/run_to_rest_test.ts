// Supervision of a run over memory bus and memory log: one stall is one time-out, however long the bus takes.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { initialState } from "../../actors/irl_coordinator.ts";
import { createMemoryBus } from "../../src/bus/memory_bus.ts";
import type { CoordinatorBus } from "../../src/bus/port.ts";
import { openMemoryLog } from "../../src/store/memory_log.ts";
import { CoordinatorShell } from "../../scripts/coordinator_shell.ts";
import { systemClock } from "../../scripts/run_context.ts";
import { runToRest } from "../../scripts/run_to_rest.ts";
import { openingEvents, simulatedConfig } from "../actors/simulated_run.ts";

const STALL_MS = 40;
const PUBLISH_MS = 6 * STALL_MS;

describe("runToRest()", () => {
  it("times an attempt out once while the next one waits for a bus that is slow", async () => {
    const { coordinator: inner } = createMemoryBus();
    let publishMs = 0;
    const bus: CoordinatorBus = {
      kind: inner.kind,
      replace: (role, commands) => inner.replace(role, commands),
      async publish(commands) {
        await new Promise((resolve) => setTimeout(resolve, publishMs));
        await inner.publish(commands);
      },
      results: (signal) => inner.results(signal),
      onBeat: (listener) => inner.onBeat(listener),
      onDeadLetter: (listener) => inner.onDeadLetter(listener),
      onTopologyLost: (listener) => inner.onTopologyLost(listener),
      close: () => inner.close(),
    };
    const types: string[] = [], restarted: string[] = [];
    const shell = new CoordinatorShell(initialState(), {
      log: openMemoryLog("simulated").log,
      bus,
      clock: systemClock,
      onRecord: ({ type }) => void types.push(type),
    });
    await shell.record(openingEvents({ config: simulatedConfig({ iterations: 0 }) }));
    publishMs = PUBLISH_MS;
    const interruption = Promise.withResolvers<"interrupted">();
    await runToRest({
      shell,
      bus,
      clock: systemClock,
      stallMs: STALL_MS,
      startCrew: () => ({
        restart(role) {
          restarted.push(role);
          interruption.resolve("interrupted");
        },
        stop: () => Promise.resolve(),
      }),
      checkTier: () => {},
      interruption: interruption.promise,
      onBeat: () => {},
      onNotice: () => {},
    });
    assert.deepEqual(restarted, ["policy-optimizer"]);
    assert.deepEqual(types.slice(2), ["StepTimedOut", "StepRetried", "RunPaused"]);
    await bus.close();
  });
});
