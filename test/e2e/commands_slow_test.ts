// Every command as a process, as a person or a script calls it: exit codes, what goes to which stream, paths and --help.
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { defaultThreads } from "../../scripts/choose_compute.ts";
import { logRecordSchema } from "../../src/store/event_log.ts";
import { openFileLog } from "../../src/store/file_log.ts";
import { runFiles } from "../../src/store/run_files.ts";
import { fabricatedRun } from "../support/fabricated_run.ts";
import { FAKE_WORLD_VARIABLE } from "../support/fake_world.ts";
import { QUIET, SMALL } from "../scripts/irl_fixtures.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
let runs = "";

/** Runs a script of the product, as its task does. */
async function call(script: string, ...args: string[]) {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", join(root, script), ...args],
    cwd: root,
    env: { NO_COLOR: "1", INIT_CWD: runs, [FAKE_WORLD_VARIABLE]: JSON.stringify({ pidFolder: runs }) },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: output.code, out: text(output.stdout), err: text(output.stderr) };
}

beforeAll(async () => {
  runs = await Deno.makeTempDir({ prefix: "irl-commands-" });
  const records = fabricatedRun({ run: "told" }), { log } = openFileLog(join(runs, "told"), "told");
  log.append(records, 0);
  log.close();
});
afterAll(() => Deno.remove(runs, { recursive: true }));

describe("every command", () => {
  for (const name of ["irl", "replay", "report", "runs", "config", "doctor", "setup"]) {
    it(`${name} prints help from its table, and exits 2 at an unknown flag, naming the nearest one`, async () => {
      const help = await call(`scripts/${name}.ts`, "--help");
      assert.deepEqual([help.code, help.err], [0, ""]);
      assert.match(help.out, new RegExp(`^deno task ${name}[^]*--help +this text`));
      const mistaken = await call(`scripts/${name}.ts`, "--helpp");
      assert.deepEqual([mistaken.code, mistaken.out], [2, ""]);
      assert.equal(mistaken.err, `Use --help, or see deno task ${name} --help: there is no --helpp\n`);
    });
  }
});

describe("irl", () => {
  it("puts events alone on standard output with --json, each as the log has it", async () => {
    const { code, out, err } = await call(
      "test/support/fake_irl.ts",
      ...SMALL,
      ...QUIET,
      `--runs-dir=${runs}`,
      "--bus=pipe",
      "--run=json",
      "--json",
    );
    assert.equal(code, 0, err);
    for (const line of out.trimEnd().split("\n")) logRecordSchema.parse(JSON.parse(line));
    assert.equal(out, Deno.readTextFileSync(runFiles(join(runs, "json")).log));
    assert.match(err, /RunCompleted/);
  });

  it("exits 2 with one line at a mistake", async () => {
    for (
      const args of [["--preset=demmo"], ["--data=missing.jsonl"], ["--set=policy.stps=1"], [
        "--device=generater=0",
      ]]
    ) {
      const { code, out, err } = await call(
        "scripts/irl.ts",
        ...args,
        `--runs-dir=${runs}`,
        "--no-fetch",
        "--no-http",
      );
      assert.equal(code, 2, err);
      assert.equal(err.trimEnd().split("\n").length, 1, err);
      assert.doesNotMatch(out, /RunStarted/);
    }
  });
});

describe("the reading commands", () => {
  it("take a path from where the user stands, and end as promised", async () => {
    const replayed = await call("scripts/replay.ts", "./told", "--no-artifacts");
    assert.equal(replayed.code, 0, replayed.err);
    assert.match(replayed.out, /\d+ events, chain and commands equal\n$/);
    const json = await call("scripts/replay.ts", "told", "--no-artifacts", "--runs-dir=.", "--json");
    assert.equal(JSON.parse(json.out).state, "done");
    assert.match(json.err, /chain and commands equal\n$/);
    const report = await call("scripts/report.ts", "told", "--json", "--runs-dir=.");
    assert.equal(JSON.parse(report.out).run, "told");
    const list = await call("scripts/runs.ts", "--runs-dir=.");
    assert.match(list.out, /^told +done +iteration 2 of 2 /m);
  });

  it("replay exits 4 for a run without the artifacts that its events name", async () => {
    const { code, out, err } = await call("scripts/replay.ts", "told", "--runs-dir=.");
    assert.deepEqual([code, out], [4, ""]);
    assert.match(err, /it is missing; event 2, DemonstrationsLoaded, names it as "demonstrations"\n/);
  });

  it("exit 2 for a run that is not there", async () => {
    const { code, err } = await call("scripts/report.ts", "tolld", "--runs-dir=.");
    assert.equal(code, 2);
    assert.match(err, /"tolld" is neither; runs in .*told/);
  });
});

describe("config", () => {
  it("prints JSON that --config takes", async () => {
    const { out } = await call("scripts/config.ts", "tiny", "--json", "--set=iterations=1");
    Deno.writeTextFileSync(join(runs, "my.json"), out);
    const again = await call("scripts/config.ts", "tiny", "--json");
    assert.deepEqual({ ...JSON.parse(again.out), iterations: 1 }, JSON.parse(out));
  });
});

describe("doctor", () => {
  it("says what this machine offers, and opens what it names", async () => {
    const { code, out } = await call("scripts/doctor.ts", "--json", "--runs-dir=.");
    assert.equal(code, 0);
    const findings = JSON.parse(out);
    const threads = defaultThreads("wasm"); // as a run takes it
    assert.match(
      findings.wasm,
      new RegExp(`^opens and passes its self-test \\(wasm (simd128|relaxed-simd), ${threads} thread`),
    );
    assert.match(findings.disk, /takes an event in [\d.]+ ms/);
    assert.ok(["native", "wasm"].some((name) => findings.tier.startsWith(name)));
  });
});
