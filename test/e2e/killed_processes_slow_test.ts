// Processes of a run killed in every way: the coordinator at each point of its loop, any actor, all at once, by signals.
// Steps compute nothing here; processes, bus, log and artifacts are real. Linux: it looks into /proc.
import assert from "node:assert/strict";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { ROLES } from "../../events/mod.ts";
import { readFileLog } from "../../src/store/file_log.ts";
import { inTemporaryFolder, outcomeOf, recordsOf, typesOf } from "../scripts/irl_fixtures.ts";
import { testNatsServer } from "../src/bus/nats_test_server.ts";
import { IrlProcess, isAlive, startArgs, until } from "../scripts/irl_process.ts";

const resumeArgs = (run: string) => ["--bus=pipe", `--resume=${run}`];
const nats = await testNatsServer();
const natsSkip = "skip" in nats ? nats.skip : false;
const skip = Deno.build.os === "linux" ? false : "looks at processes through /proc";

describe("a run of processes", { skip }, () => {
  let whole = "";
  beforeAll(() =>
    inTemporaryFolder(async (runs) => {
      const { code, output } = await new IrlProcess({ runs, args: startArgs("whole") }).end();
      assert.equal(code, 0, output);
      whole = outcomeOf(runs, "whole");
    })
  );

  for (const moment of ["before-append", "after-append", "after-publish", "before-ack"]) {
    it(`survives kill -9 of its coordinator at "${moment}" and leaves no orphan`, () =>
      inTemporaryFolder(async (runs) => {
        const killed = new IrlProcess({
          runs,
          args: startArgs("cut"),
          world: { crash: { moment, times: 6 } },
        });
        assert.equal((await killed.end()).code, 137);
        await until("actors end with their coordinator", () => !killed.actorPids().some(isAlive), 5000);
        const { code, output } = await new IrlProcess({ runs, args: resumeArgs("cut") }).end();
        assert.equal(code, 0, output);
        assert.equal(outcomeOf(runs, "cut"), whole);
      }));
  }

  for (const role of ROLES) {
    it(`goes on after kill -9 of its ${role}`, () =>
      inTemporaryFolder(async (runs) => {
        const run = new IrlProcess({ runs, args: startArgs("hurt"), world: { delayMs: 150 } });
        const step = {
          "generator": "generate",
          "reward-learner": "reward",
          "policy-optimizer": "sft",
          "evaluator": "evaluate",
        }[role];
        // The event before the role's first command: then it is at work.
        await until(`${step} is asked for`, () => isAsked(runs, "hurt", step));
        await new Promise((resolve) => setTimeout(resolve, 50));
        await run.signalActor(role, "SIGKILL");
        const { code, output } = await run.end();
        assert.equal(code, 0, output);
        const types = typesOf(recordsOf(runs, "hurt"));
        assert.ok(types.includes("StepFailed") && types.includes("StepRetried"), output);
        assert.equal(outcomeOf(runs, "hurt"), whole);
      }));
  }

  it("survives kill -9 of all its processes at once", () =>
    inTemporaryFolder(async (runs) => {
      const killed = new IrlProcess({ runs, args: startArgs("all"), world: { delayMs: 100 } });
      await until("some steps are done", () => numRecords(runs, "all") >= 8);
      for (const pid of [...killed.actorPids(), killed.pid]) Deno.kill(pid, "SIGKILL");
      await killed.end();
      const { code, output } = await new IrlProcess({ runs, args: resumeArgs("all") }).end();
      assert.equal(code, 0, output);
      assert.equal(outcomeOf(runs, "all"), whole);
    }));

  for (const [signal, reason] of [["SIGINT", "interrupted"], ["SIGTERM", "terminated"]] as const) {
    it(`pauses at ${signal}, exits 130 and leaves no process`, () =>
      inTemporaryFolder(async (runs) => {
        const run = new IrlProcess({ runs, args: startArgs("cut"), world: { delayMs: 100 } });
        await until("some steps are done", () => numRecords(runs, "cut") >= 5);
        run.kill(signal);
        const { code, output } = await run.end();
        assert.equal(code, 130, output);
        assert.match(output, /deno task irl --resume/);
        const last = recordsOf(runs, "cut").at(-1);
        assert.deepEqual([last?.type, last?.data.reason], ["RunPaused", reason]);
        assert.deepEqual(run.actorPids().filter(isAlive), []);
      }));
  }

  it("starts an actor again that is stopped and makes no progress", () =>
    inTemporaryFolder(async (runs) => {
      const run = new IrlProcess({ runs, args: startArgs("hung"), world: { delayMs: 100 } });
      await until("tuning is asked for", () => isAsked(runs, "hung", "sft"));
      await run.signalActor("policy-optimizer", "SIGSTOP");
      const { code, output } = await run.end();
      assert.equal(code, 0, output);
      assert.ok(typesOf(recordsOf(runs, "hung")).includes("StepTimedOut"), output);
      assert.equal(outcomeOf(runs, "hung"), whole);
    }));

  it(
    "survives kill -9 of actor and coordinator over NATS as well",
    { skip: natsSkip },
    () =>
      inTemporaryFolder(async (runs) => {
        const environment = { NATS_SERVER: "path" in nats ? nats.path : "" };
        const args = startArgs("nats").map((arg) => arg.replace("--bus=pipe", "--bus=nats"));
        const killed = new IrlProcess({ runs, args, environment, world: { delayMs: 100 } });
        await until("an evaluation is asked for", () => isAsked(runs, "nats", "evaluate"));
        await killed.signalActor("evaluator", "SIGKILL");
        await until("generations are asked for", () => isAsked(runs, "nats", "generate"));
        killed.kill("SIGKILL");
        await killed.end();
        await until("actors end with their coordinator", () => !killed.actorPids().some(isAlive), 5000);
        const { code, output } = await new IrlProcess({
          runs,
          args: ["--bus=nats", "--resume=nats"],
          environment,
        }).end();
        assert.equal(code, 0, output);
        assert.ok(typesOf(recordsOf(runs, "nats")).includes("StepFailed"));
        assert.equal(outcomeOf(runs, "nats"), whole);
      }),
  );

  it(
    "goes on after kill -9 of its private NATS server, which is started again",
    { skip: natsSkip },
    () =>
      inTemporaryFolder(async (runs) => {
        const binary = "path" in nats ? nats.path : "";
        const args = startArgs("served").map((arg) => arg.replace("--bus=pipe", "--bus=nats"));
        const run = new IrlProcess({
          runs,
          args,
          environment: { NATS_SERVER: binary, NATS_URL: "" },
          world: { delayMs: 150 },
        });
        await until("generations are asked for", () => isAsked(runs, "served", "generate"));
        const [server] = descendantsOf(run.pid, binary);
        assert.ok(server !== undefined, "the run has no server of its own");
        Deno.kill(server, "SIGKILL");
        const renewed = () => descendantsOf(run.pid, binary).some((pid) => pid !== server);
        await until("the server is started again", renewed);
        assert.notEqual(recordsOf(runs, "served").at(-1)?.type, "RunCompleted");
        const { code, output } = await run.end();
        assert.equal(code, 0, output);
        assert.equal(outcomeOf(runs, "served"), whole);
      }),
  );
});

function numRecords(runs: string, run: string): number {
  try {
    return readFileLog(`${runs}/${run}`).records.length;
  } catch {
    return 0;
  }
}

/** Living processes of the program that the process started, itself or through others. */
function descendantsOf(ancestor: number, program: string): number[] {
  const parents = new Map<number, number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    const stat = /^\d+$/.test(name) && isAlive(Number(name)) ? readProc(name, "stat") : "";
    const [, parent] = /\) \S (\d+)/.exec(stat) ?? [];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === ancestor || isBelow(parent));
  };
  return [...parents.keys()].filter((pid) =>
    isBelow(pid) && readProc(pid, "cmdline").split("\0")[0] === program
  );
}

/** Empty when the process is gone. */
function readProc(pid: number | string, file: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch {
    return "";
  }
}

/** Whether the log has come to where the first command of the step is outstanding. */
function isAsked(runs: string, run: string, step: string): boolean {
  const before = {
    sft: "DemonstrationsLoaded",
    evaluate: "SupervisedTuned",
    generate: "IterationCompleted",
    reward: "GenerationsSampled",
  }[step];
  if (numRecords(runs, run) === 0) return false;
  const records = recordsOf(runs, run);
  if (step === "evaluate") return records.some(({ type, data }) => type === before && data.policy !== null);
  const shards = step === "reward" ? 2 : 1;
  return records.filter(({ type }) => type === before).length >= shards;
}
