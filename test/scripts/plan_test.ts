// `deno task plan`: what it reads, what it prints, and the check before a run.
import assert from "node:assert/strict";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { parseCommandLine } from "../../scripts/command_line.ts";
import { loadData } from "../../scripts/load_data.ts";
import { plan, planTable, resolvePlan } from "../../scripts/plan.ts";
import { availableMemory, groupMemory } from "../../scripts/plan/available_memory.ts";
import { checkMemory } from "../../scripts/plan/check_memory.ts";
import { resolveConfig } from "../../scripts/resolve_config.ts";
import { ConfigError, exitCode } from "../../src/base/errors.ts";
import { inTemporaryFolder, IrlCall, QUIET, SMALL } from "./irl_fixtures.ts";

let folder = "";
beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "irl-plan-" });
});
afterAll(() => Deno.remove(folder, { recursive: true }));

async function planned(...args: string[]) {
  const line = parseCommandLine(planTable, args);
  assert.ok(line !== undefined);
  const { options, positionals: [preset] } = line;
  return await resolvePlan(preset, options, { INIT_CWD: folder });
}

describe("deno task plan", () => {
  it("counts the made-up task's own rows, and bounds a preset's whose data are not at hand", async () => {
    const demo = await planned("demo");
    assert.equal(demo.data.isMeasured, true);
    assert.deepEqual([demo.data.numDemonstrations, demo.data.numPrompts], [2000, 3000]);
    const tldr = await planned("tldr", "--device", "h100");
    assert.equal(tldr.data.isMeasured, false);
    assert.equal(tldr.data.prompt.longest, 512);
  });

  it("prints parameters, every actor, every step and whether it fits", async () => {
    const { lines, report } = plan(await planned("tldr", "--device", "h100"), 1e12);
    const text = lines.join("\n");
    assert.match(text, /1,011,781,632 parameters/);
    for (const role of ["generator", "reward-learner", "policy-optimizer", "evaluator"]) {
      assert.ok(text.includes(role), role);
    }
    for (const { step } of report.steps) assert.match(text, new RegExp(`^  ${step} `, "m"));
    assert.match(text, /NVIDIA H100/);
    assert.match(text, /^all actors together .* of the machine's memory and .* of the device's$/m);
    assert.match(text, /the GPU's memory/);
    assert.equal(typeof report.shortage, "string");
    const tiny = plan(await planned("tiny"), 1e12);
    assert.equal(tiny.report.shortage, null);
    assert.match(
      tiny.lines.join("\n"),
      /^all actors together \S+ GB\nIt fits what is free on this machine, 1000\.0 GB$/m,
    );
  });

  it("gives a tier that computes on the processor no memory of a device", async () => {
    const { lines, report } = plan(await planned("tldr", "--device", "h100", "--backend", "wasm"), 1e12);
    assert.match(lines.join("\n"), /^all actors together \S+ GB$/m);
    assert.equal(report.shortage, null);
  });

  it("takes rows, lengths and a model's config.json", async () => {
    const rows = Array.from({ length: 20 }, (_, i) => ({ prompt: `ask ${i} now`, completion: `say ${i}` }));
    await Deno.writeTextFile(join(folder, "rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
    const own = await planned("own", "--data", "rows.jsonl");
    assert.equal(own.data.isMeasured, true);
    assert.equal(own.data.prompt.longest, 3);
    await Deno.writeTextFile(
      join(folder, "asked.jsonl"),
      rows.map(({ prompt, completion }) => JSON.stringify({ q: prompt, a: completion })).join("\n"),
    );
    const mapped = await planned("own", "--data", "asked.jsonl", "--fields", "prompt=q,completion=a");
    assert.deepEqual(mapped.data, own.data);
    await assert.rejects(planned("own", "--fields", "prompt=q"), /Leave out --fields, or give --data/);
    const long = await planned("tldr", "--prompt-tokens", "100", "--completion-tokens", "20");
    assert.deepEqual([long.data.prompt.longest, long.data.completion.mean], [100, 20]);
    const config = {
      model_type: "gpt_neox",
      architectures: ["GPTNeoXForCausalLM"],
      vocab_size: 500,
      hidden_size: 64,
      num_hidden_layers: 3,
      num_attention_heads: 4,
      intermediate_size: 256,
      max_position_embeddings: 256,
      rotary_pct: 0.25,
    };
    await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(config));
    const small = await planned("tldr", "--model", ".");
    assert.deepEqual([small.config.model.hiddenSize, small.config.model.start], [64, "pretrained"]);
  });

  it("refuses an unknown device and a folder without config.json", async () => {
    await assert.rejects(
      planned("demo", "--device", "tpu"),
      /Choose --device from 2-cores, .*: there is no "tpu"/,
    );
    await assert.rejects(planned("demo", "--model", "nowhere"), /Give --model a folder with config\.json/);
  });
});

describe("availableMemory()", () => {
  it("is some, and no more than a control group leaves", async () => {
    assert.ok(availableMemory() > 1e6);
    assert.equal(groupMemory(join(folder, "none")), Infinity);
    const write = (name: string, text: string) => Deno.writeTextFile(join(folder, name), text);
    await write("memory.max", "1000000\n");
    await write("memory.current", "900000\n");
    await write("memory.stat", "anon 5\ninactive_file 50000\n");
    assert.equal(groupMemory(folder), 150_000);
    assert.ok(availableMemory(folder) <= 150_000);
    await write("memory.max", "max\n");
    assert.equal(groupMemory(folder), Infinity);
  });
});

describe("checkMemory()", () => {
  const compute = {
    options: { name: "wasm" as const, threads: 1 },
    description: { name: "wasm" as const, variant: "simd128", threads: 1, engine: "tfjs" },
    reason: "",
  };

  it("lets a run start that fits, and refuses one that does not with what to do", async () => {
    const config = resolveConfig({ preset: "tiny", hasData: false }),
      data = await loadData(config, { fields: {} });
    await checkMemory(config, data, { compute, inProcess: false, hostBytes: 1e11 });
    await assert.rejects(
      checkMemory(config, data, { compute, inProcess: false, hostBytes: 1e6 }),
      (error) =>
        error instanceof ConfigError && /\(--no-memory-check starts all the same\)$/.test(error.message),
    );
  });

  it("keeps irl from starting, unless it is told not to look", () =>
    inTemporaryFolder(async (folder) => {
      const huge = ["--set=model.hiddenSize=65536", "--set=model.intermediateSize=262144"];
      const args = [...SMALL, ...QUIET, ...huge, "--in-process", `--runs-dir=${folder}`];
      await assert.rejects(
        new IrlCall().run(args),
        (error) =>
          error instanceof ConfigError && exitCode(error) === 2 && /no-memory-check/.test(error.message),
      );
      assert.deepEqual(Array.from(Deno.readDirSync(folder)), []);
      assert.equal(await new IrlCall().run([...args, "--no-memory-check"]), 0);
    }));

  it("asks each GPU for the memory of the actors on it", async () => {
    const config = resolveConfig({ preset: "tiny", hasData: false }),
      data = await loadData(config, { fields: {} });
    const onGpu = {
      ...compute,
      description: {
        name: "native" as const,
        variant: "xla",
        threads: 2,
        engine: "tensorflow 2, GPU NVIDIA, TF32 off",
      },
    };
    const check = (memoryMebibytes: number) =>
      checkMemory(config, data, {
        compute: onGpu,
        inProcess: false,
        hostBytes: 1e11,
        gpus: [{ index: 0, name: "a", memoryMebibytes, driver: "550" }],
      });
    await check(80_000);
    await assert.rejects(check(1), /of the GPU's memory/);
  });
});
