// Whole runs through the command line, in this process, over fake steps: beginning, end, pause, resume, refusals.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "@std/testing/bdd";
import { exitCode } from "../../src/base/errors.ts";
import { runFiles } from "../../src/store/run_files.ts";
import { openFileLog } from "../../src/store/file_log.ts";
import { FAKE_TIER } from "../support/fake_steps.ts";
import { inTemporaryFolder, IrlCall, outcomeOf, QUIET, recordsOf, SMALL, typesOf } from "./irl_fixtures.ts";

const inProcess = (
  runs: string,
  run: string,
) => [...QUIET, "--in-process", `--runs-dir=${runs}`, `--run=${run}`];
const resumed = (
  runs: string,
  run: string,
) => [...QUIET, "--in-process", `--runs-dir=${runs}`, `--resume=${run}`];

describe("irl", () => {
  it("runs to its end and says where it lies", () =>
    inTemporaryFolder(async (runs) => {
      const call = new IrlCall();
      assert.equal(await call.run([...SMALL, ...inProcess(runs, "first")]), 0);
      const records = recordsOf(runs, "first");
      assert.deepEqual(typesOf(call.records), typesOf(records));
      assert.deepEqual(typesOf(records).slice(0, 2), ["RunStarted", "DemonstrationsLoaded"]);
      assert.equal(records.at(-1)?.type, "RunCompleted");
      assert.ok(call.lines.some((line) => line.includes(`lie in ${join(runs, "first")}`)));
      assert.ok(call.lines.some((line) => line.startsWith("iteration 2")), "no row of the table");
    }));

  it("tells in a line of its own why the tier is not another variant, and records nothing of it", () =>
    inTemporaryFolder(async (runs) => {
      const probe = () =>
        Promise.resolve({ ...FAKE_TIER, remark: "XLA compiles nothing here:\nno assembler" });
      const call = new IrlCall({ substitutes: { probe } });
      assert.equal(await call.run([...SMALL, ...inProcess(runs, "told")]), 0);
      const place = call.lines.findIndex((line) => line.startsWith("Tier "));
      assert.equal(call.lines[place + 1], "       XLA compiles nothing here: no assembler");
      const quiet = new IrlCall();
      assert.equal(await quiet.run([...SMALL, ...inProcess(runs, "quiet")]), 0);
      assert.match(quiet.lines[quiet.lines.findIndex((line) => line.startsWith("Tier ")) + 1], /^Bus /);
      assert.ok(!JSON.stringify(call.records).includes("assembler"));
      assert.equal(outcomeOf(runs, "told"), outcomeOf(runs, "quiet"));
    }));

  it("gives two runs of one seed the same outcome, and one of another seed another", () =>
    inTemporaryFolder(async (runs) => {
      await new IrlCall().run([...SMALL, ...inProcess(runs, "a")]);
      await new IrlCall().run([...SMALL, ...inProcess(runs, "b")]);
      await new IrlCall().run([...SMALL, ...inProcess(runs, "c"), "--seed=2"]);
      assert.equal(outcomeOf(runs, "a"), outcomeOf(runs, "b"));
      assert.notEqual(outcomeOf(runs, "a"), outcomeOf(runs, "c"));
    }));

  it("names runs after preset and seed, and numbers those that are there", () =>
    inTemporaryFolder(async (runs) => {
      const args = [...SMALL, ...QUIET, "--in-process", `--runs-dir=${runs}`, "--set=iterations=0"];
      await new IrlCall().run(args);
      await new IrlCall().run(args);
      assert.deepEqual(Array.from(Deno.readDirSync(runs), ({ name }) => name).sort(), [
        "tiny-1",
        "tiny-1-2",
      ]);
    }));

  it("pauses at a signal, abandons the step in work, and goes on to the same outcome", () =>
    inTemporaryFolder(async (runs) => {
      await new IrlCall().run([...SMALL, ...inProcess(runs, "whole")]);
      const paused: IrlCall = new IrlCall({
        before({ type, iteration }) {
          if (type !== "LearnReward" || iteration !== 1) return;
          paused.interrupt();
          return new Promise(() => {});
        },
      });
      assert.equal(await paused.run([...SMALL, ...inProcess(runs, "cut")]), 130);
      assert.equal(recordsOf(runs, "cut").at(-1)?.type, "RunPaused");
      assert.match(paused.lines.at(-1) ?? "", /deno task irl --resume/);
      const again = new IrlCall();
      assert.equal(await again.run(resumed(runs, "cut")), 0);
      assert.equal(again.records[0].type, "RunResumed");
      assert.equal(outcomeOf(runs, "cut"), outcomeOf(runs, "whole"));
    }));

  it("fails at once at a loss that is not finite, and can be resumed when the cause is gone", () =>
    inTemporaryFolder(async (runs) => {
      const broken = new IrlCall({
        before({ type }) {
          if (type === "OptimisePolicy") throw named("NonFiniteError", "The loss is NaN");
        },
      });
      const failure = await broken.run([...SMALL, ...inProcess(runs, "nan")]).catch((error: unknown) =>
        error
      );
      assert.equal(exitCode(failure), 1);
      assert.match(String(failure), /The loss is NaN\nGo on with: deno task irl --resume/);
      assert.deepEqual(typesOf(recordsOf(runs, "nan")).slice(-2), ["StepFailed", "RunFailed"]);
      assert.equal(await new IrlCall().run(resumed(runs, "nan")), 0);
      await new IrlCall().run([...SMALL, ...inProcess(runs, "whole")]);
      assert.equal(outcomeOf(runs, "nan"), outcomeOf(runs, "whole"));
    }));

  it("does a failed step again, and fails after three failures of one command", () =>
    inTemporaryFolder(async (runs) => {
      let failuresLeft = 2;
      const fails = () => {
        if (failuresLeft-- > 0) throw new Error("Out of luck");
      };
      const lucky = new IrlCall({ before: ({ type }) => type === "LearnReward" ? fails() : undefined });
      assert.equal(await lucky.run([...SMALL, ...inProcess(runs, "lucky")]), 0);
      const troubles = typesOf(lucky.records).filter((type) =>
        type.startsWith("StepF") || type === "StepRetried"
      );
      assert.deepEqual(troubles, ["StepFailed", "StepRetried", "StepFailed", "StepRetried"]);
      failuresLeft = 3;
      const unlucky = new IrlCall({ before: ({ type }) => type === "LearnReward" ? fails() : undefined });
      await assert.rejects(unlucky.run([...SMALL, ...inProcess(runs, "unlucky")]), /Out of luck/);
      assert.deepEqual(typesOf(unlucky.records).slice(-2), ["StepFailed", "RunFailed"]);
    }));

  it("exits 4 when an artifact was damaged in the middle of the run", () =>
    inTemporaryFolder(async (runs) => {
      const call = new IrlCall({
        before({ type }) {
          if (type === "EvaluatePolicy") throw named("DamageError", "Restore the artifact from a copy");
        },
      });
      await assert.rejects(
        call.run([...SMALL, ...inProcess(runs, "hurt")]),
        (error) => exitCode(error) === 4,
      );
    }));

  it("starts an actor again that shows no progress", () =>
    inTemporaryFolder(async (runs) => {
      let hangs = 1;
      const call = new IrlCall({
        before: ({ type }) => type === "EvaluatePolicy" && hangs-- > 0 ? new Promise(() => {}) : undefined,
      });
      const args = [...SMALL, ...inProcess(runs, "hung"), "--set=supervision.stallMs=200"];
      assert.equal(await call.run(args), 0);
      const types = typesOf(call.records), place = types.indexOf("StepTimedOut");
      assert.deepEqual(types.slice(place, place + 3), ["StepTimedOut", "StepRetried", "PolicyEvaluated"]);
    }));

  it("refuses a name that is taken, a run that another process writes, and a taken port, and leaves no folder behind", () =>
    inTemporaryFolder(async (runs) => {
      await new IrlCall().run([...SMALL, ...inProcess(runs, "taken"), "--set=iterations=0"]);
      await assert.rejects(
        new IrlCall().run([...SMALL, ...inProcess(runs, "taken")]),
        /Choose another --run, or go on with that one: deno task irl --resume taken/,
      );
      const { log } = openFileLog(join(runs, "busy"), "busy");
      await assert.rejects(new IrlCall().run([...SMALL, ...inProcess(runs, "busy")]), (error) => {
        assert.match(String(error), /Stop the process that writes run "busy"/);
        return exitCode(error) === 2;
      });
      log.close();
      const server = Deno.serve({ port: 0, onListen: () => {} }, () => new Response());
      const args = inProcess(runs, "porty").filter((arg) => arg !== "--no-http");
      await assert.rejects(new IrlCall().run([...SMALL, ...args, `--port=${server.addr.port}`]), (error) => {
        assert.match(String(error), /Choose another --port, or leave it out/);
        return exitCode(error) === 2;
      });
      await server.shutdown();
      assert.deepEqual(Array.from(Deno.readDirSync(runs), ({ name }) => name).sort(), ["busy", "taken"]);
    }));
});

describe("irl --resume", () => {
  it("prints the report of a run that is done, and exits 0", () =>
    inTemporaryFolder(async (runs) => {
      await new IrlCall().run([...SMALL, ...inProcess(runs, "done")]);
      const call = new IrlCall();
      assert.equal(await call.run(resumed(runs, "done")), 0);
      assert.match(call.lines.join("\n"), /^run {6}done/);
      assert.equal(call.records.length, 0);
    }));

  it("exits 3 when nothing is recorded", () =>
    inTemporaryFolder(async (runs) => {
      openFileLog(join(runs, "empty"), "empty").log.close();
      await assert.rejects(new IrlCall().run(resumed(runs, "empty")), (error) => {
        assert.match(String(error), /Start again/);
        return exitCode(error) === 3;
      });
    }));

  it("loads the data again when the run stopped before it had recorded them", () =>
    inTemporaryFolder(async (runs) => {
      await new IrlCall().run([...SMALL, ...inProcess(runs, "whole")]);
      await pausedRun(runs, "early");
      const [started] = recordsOf(runs, "early"), file = runFiles(join(runs, "early")).log;
      Deno.writeTextFileSync(file, `${Deno.readTextFileSync(file).split("\n")[0]}\n`);
      assert.equal(started.type, "RunStarted");
      const call = new IrlCall();
      assert.equal(await call.run(resumed(runs, "early")), 0);
      assert.deepEqual(typesOf(call.records).slice(0, 2), ["RunResumed", "DemonstrationsLoaded"]);
      assert.equal(outcomeOf(runs, "early"), outcomeOf(runs, "whole"));
    }));

  const refusals: [
    what: string,
    args: string[],
    world: ConstructorParameters<typeof IrlCall>[0],
    message: RegExp,
  ][] = [
    ["another tier", ["--backend=wasm"], {}, /Leave out --backend wasm: the run goes on on its tier "cpu"/],
    ["other threads", ["--threads=7"], {}, /Leave out --threads 7: the run goes on with its 1/],
    ["another seed", ["--seed=2"], {}, /Leave out --seed, or start a new run/],
    ["another field", ["--set=iterations=5"], {}, /Leave out --set, or start a new run/],
    ["data when its own are recorded", ["--data=other.jsonl"], {}, dataRefusal("data")],
    ["held-out data when its own are recorded", ["--eval-data=other.jsonl"], {}, dataRefusal("eval-data")],
    ["field names when its data are recorded", ["--fields=prompt=question"], {}, dataRefusal("fields")],
    ["preferences when its data are recorded", ["--preferences=pairs.jsonl"], {}, dataRefusal("preferences")],
    [
      "a tier that is not the recorded one any more",
      [],
      {
        substitutes: {
          probe: () => Promise.resolve({ name: "cpu", variant: "fake", threads: 1, engine: "newer" }),
        },
      },
      /recorded is cpu fake, 1 thread, none, here is cpu fake, 1 thread, newer/,
    ],
  ];
  for (const [what, args, world, message] of refusals) {
    it(`refuses ${what} with the reason`, () =>
      inTemporaryFolder(async (runs) => {
        await pausedRun(runs, "kept");
        const withoutBackend = resumed(runs, "kept").filter((arg) => arg !== "--backend=cpu");
        await assert.rejects(new IrlCall(world).run([...withoutBackend, ...args]), (error) => {
          assert.match(String(error), message);
          return exitCode(error) === 2;
        });
        assert.equal(recordsOf(runs, "kept").at(-1)?.type, "RunPaused");
      }));
  }

  for (const [how, damage] of [["deleted", Deno.removeSync], ["changed", truncate]] as const) {
    it(`exits 4 when an artifact that is needed was ${how}`, () =>
      inTemporaryFolder(async (runs) => {
        const folder = await pausedRun(runs, "hurt");
        const { demonstrations } = recordsOf(runs, "hurt")[1].data;
        const hex = String(demonstrations).slice("sha256:".length);
        damage(join(runFiles(folder).artifacts, "sha256", hex.slice(0, 2), hex.slice(2)));
        await assert.rejects(new IrlCall().run(resumed(runs, "hurt")), (error) => {
          assert.match(String(error), /Restore the artifact from a copy/);
          return exitCode(error) === 4;
        });
      }));
  }

  it("exits 4 with the exact line when the log was changed", () =>
    inTemporaryFolder(async (runs) => {
      const folder = await pausedRun(runs, "edited"), file = runFiles(folder).log;
      Deno.writeTextFileSync(file, Deno.readTextFileSync(file).replace('"numPrompts":20', '"numPrompts":21'));
      await assert.rejects(new IrlCall().run(resumed(runs, "edited")), (error) => {
        assert.match(String(error), /events\.jsonl:2: /);
        return exitCode(error) === 4;
      });
    }));
});

/** A run that stopped in its first step; its folder. */
async function pausedRun(runs: string, run: string): Promise<string> {
  const call: IrlCall = new IrlCall({
    before() {
      call.interrupt();
      return new Promise(() => {});
    },
  });
  assert.equal(await call.run([...SMALL, ...inProcess(runs, run)]), 130);
  return join(runs, run);
}

function dataRefusal(option: string): RegExp {
  return new RegExp(`Leave out --${option}, or start a new run: the data of this run are recorded`);
}

function truncate(path: string): void {
  Deno.truncateSync(path, 10);
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
