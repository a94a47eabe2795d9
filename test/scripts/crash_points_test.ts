// The loop parse → append → adopt → publish → acknowledge, broken off at each point at several events, and resumed.
// The loop ends by a throw here; crash_points_slow_test.ts has the process killed.
import assert from "node:assert/strict";
import { beforeAll, describe, it } from "@std/testing/bdd";
import type { Moment } from "../../scripts/coordinator_shell.ts";
import { inTemporaryFolder, IrlCall, outcomeOf, QUIET, recordsOf, SMALL } from "./irl_fixtures.ts";
import { replayRun } from "../../scripts/replay_run.ts";

const MOMENTS: readonly Moment[] = ["before-append", "after-append", "after-publish", "before-ack"];
/** How many times a moment is passed before the loop breaks. */
const TIMES = [1, 2, 5, 10];

const args = (runs: string) => [...QUIET, "--in-process", `--runs-dir=${runs}`];

describe("CoordinatorShell", () => {
  let whole = "";
  beforeAll(() =>
    inTemporaryFolder(async (runs) => {
      await new IrlCall().run([...SMALL, ...args(runs), "--run=whole"]);
      whole = outcomeOf(runs, "whole");
    })
  );

  for (const moment of MOMENTS) {
    it(`loses and doubles nothing when it is broken off at "${moment}"`, () =>
      inTemporaryFolder(async (runs) => {
        for (const times of TIMES) {
          const run = `cut-${times}`;
          await assert.rejects(
            new IrlCall(crashAt(moment, times)).run([...SMALL, ...args(runs), `--run=${run}`]),
            Crash,
          );
          // Before the first append there is no run yet, and its folder is gone.
          const again = moment === "before-append" && times === 1
            ? [...SMALL, ...args(runs), `--run=${run}`]
            : [...args(runs), `--resume=${run}`];
          assert.equal(await new IrlCall().run(again), 0);
          assert.equal(outcomeOf(runs, run), whole, `at ${moment} for the ${times}th time`);
          replayRun(recordsOf(runs, run));
        }
      }));
  }

  it("goes on after any number of crashes", () =>
    inTemporaryFolder(async (runs) => {
      await assert.rejects(
        new IrlCall(crashAt("after-append", 2)).run([...SMALL, ...args(runs), "--run=often"]),
        Crash,
      );
      for (let crashes = 0; crashes < 6; crashes++) {
        const world = crashAt(MOMENTS[crashes % MOMENTS.length], 2);
        await assert.rejects(new IrlCall(world).run([...args(runs), "--resume=often"]), Crash);
      }
      assert.equal(await new IrlCall().run([...args(runs), "--resume=often"]), 0);
      assert.equal(outcomeOf(runs, "often"), whole);
    }));
});

class Crash extends Error {}

function crashAt(wanted: Moment, times: number): ConstructorParameters<typeof IrlCall>[0] {
  let left = times;
  const onMoment = (moment: Moment) => {
    if (moment === wanted && --left === 0) throw new Crash();
  };
  return { substitutes: { onMoment } };
}
