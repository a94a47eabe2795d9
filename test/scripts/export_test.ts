// What export writes and what it refuses to overwrite.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "@std/testing/bdd";
import { exportRun, exportTable } from "../../scripts/export.ts";
import { parseCommandLine } from "../../scripts/command_line.ts";
import { openModels } from "../../scripts/open_model.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { parityModel } from "../golden/parity_model.ts";
import { FROM_MODEL_RUN, MODEL_RUN, type RecordedWorld, withModelRun } from "../support/model_run.ts";

async function run(world: RecordedWorld, ...args: string[]): Promise<number> {
  const line = parseCommandLine(exportTable, args);
  assert.ok(line);
  return await exportRun(line, world);
}

const names = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

describe("deno task export", () => {
  it("writes the last iteration's policy and reward as Hugging Face folders", () =>
    withModelRun(async (world) => {
      assert.equal(await run(world, ...FROM_MODEL_RUN, "--to", "out"), 0);
      const out = join(world.workingFolder, "out");
      assert.deepEqual(names(out), ["export.json", "policy", "reward"]);
      const files = [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
      ];
      assert.deepEqual(names(join(out, "reward")), files);
      assert.deepEqual(names(join(out, "policy")), [...files, "generation_config.json"].sort());
      assert.match(
        Deno.readTextFileSync(join(out, "policy", "README.md")),
        /iteration 2.*2 of 2 iterations/s,
      );
      assert.match(world.result.join("\n"), /AutoModelForCausalLM/);
      const { policy, reward } = parityModel();
      const opened = await openModels({ model: "out", ...world });
      assert.deepEqual([opened.policy, opened.reward], [policy, reward]);
      assert.deepEqual(opened.sampling, { temperature: 0.6, topK: 0, topP: 1, maxNewTokens: 32 });
      const alone = await openModels({ model: "out/reward", ...world });
      assert.deepEqual([alone.policy, alone.reward], [undefined, reward]);
    }));

  it("writes equal bytes from a copied and renamed run", () =>
    withModelRun(async (world) => {
      await run(world, ...FROM_MODEL_RUN, "--to", "a");
      Deno.renameSync(join(world.runsFolder, MODEL_RUN), join(world.workingFolder, "elsewhere"));
      await run(world, "--from", "elsewhere", "--runs-dir", "runs", "--to", "b", "--json");
      const files = [
        "export.json",
        ...["policy", "reward"].flatMap((head) =>
          names(join(world.workingFolder, "a", head)).map((name) => join(head, name))
        ),
      ];
      for (const file of files) {
        const [a, b] = ["a", "b"].map((folder) => Deno.readFileSync(join(world.workingFolder, folder, file)));
        assert.deepEqual(a, b, file);
      }
      assert.deepEqual(JSON.parse(world.result.at(-1) ?? ""), {
        run: MODEL_RUN,
        iteration: 2,
        policy: join(world.workingFolder, "b", "policy"),
        reward: join(world.workingFolder, "b", "reward"),
      });
    }));

  it("takes an earlier iteration, and iteration 0 without a reward over an earlier export", () =>
    withModelRun(async (world) => {
      await run(world, ...FROM_MODEL_RUN, "--to", "out", "--iteration", "1");
      const kept = join(world.workingFolder, "out", "notes.txt");
      Deno.writeTextFileSync(kept, "mine");
      await run(world, ...FROM_MODEL_RUN, "--to", "out", "--iteration", "0");
      assert.deepEqual(names(join(world.workingFolder, "out")), ["export.json", "notes.txt", "policy"]);
      assert.match(world.told.join("\n"), /no reward: iteration 0/);
      assert.equal(
        world.told.filter((line) => /^Takes the place of an earlier export in /.test(line)).length,
        1,
      );
      const { policy } = await openModels({ model: "out", ...world });
      assert.deepEqual(policy?.flat, parityModel().policy.flat.map((value) => 0.8 * value));
    }));

  it("writes the adapter of a run with adapters too, which opens by the base that it names", () =>
    withModelRun(async (world) => {
      const at = (...path: string[]) => join(world.workingFolder, ...path);
      await run(world, ...FROM_MODEL_RUN, "--iteration", "0", "--to", "start");
      await run(world, ...FROM_MODEL_RUN, "--to", "out", "--base", "start/policy", "--json");
      assert.equal(JSON.parse(world.result.at(-1) ?? "").adapter, at("out", "adapter"));
      assert.deepEqual(names(at("out", "adapter")), [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
      ]);
      const { policy } = await openModels({ model: "out", ...world });
      assert.deepEqual((await openModels({ model: "out/adapter", ...world })).policy, policy);
      assert.deepEqual((await openModels({ from: MODEL_RUN, ...world })).policy, policy);
      assert.notDeepEqual(policy, parityModel().policy);
      assert.match(Deno.readTextFileSync(at("out", "adapter", "README.md")), /base_model: .*policy\n/);

      await run(world, ...FROM_MODEL_RUN, "--to", "out");
      assert.match(world.told.join("\n"), /names no base model: --base DIR would/);
      await assert.rejects(
        openModels({ model: "out/adapter", ...world }),
        /Name the base model's folder in "base_model_name_or_path" of ".*adapter_config\.json": it is null/,
      );
      await run(world, ...FROM_MODEL_RUN, "--to", "out", "--base", "someone/some-model");
      assert.match(world.result.at(-1) ?? "", /adapter {2}PeftModel, on someone\/some-model/);
      await run(world, ...FROM_MODEL_RUN, "--iteration", "1", "--to", "out");
      assert.deepEqual(names(at("out")), ["export.json", "policy", "reward"]);
    }, { isAdapted: true }));

  it("refuses a --base that is another model, none at all, or beside a policy that was trained whole", async () => {
    await withModelRun(async (world) => {
      await run(world, ...FROM_MODEL_RUN, "--iteration", "1", "--to", "other");
      const to = ["--to", "out", "--base"];
      await assert.rejects(run(world, ...FROM_MODEL_RUN, ...to, "other/policy"), /is another$/);
      await assert.rejects(
        run(world, ...FROM_MODEL_RUN, ...to, "nowhere"),
        /Give --base a folder.*is neither/,
      );
    }, { isAdapted: true });
    await withModelRun((world) =>
      assert.rejects(
        run(world, ...FROM_MODEL_RUN, "--to", "out", "--base", "someone/some-model"),
        /Leave out --base: the policy of run "tiny-1", iteration 2 is no adapter/,
      )
    );
  });

  it("refuses a folder that holds anything else, and changes nothing in it", () =>
    withModelRun(async (world) => {
      const out = join(world.workingFolder, "out");
      Deno.mkdirSync(out);
      await run(world, ...FROM_MODEL_RUN, "--to", "out");
      Deno.removeSync(join(out, "export.json"));
      await assert.rejects(
        run(world, ...FROM_MODEL_RUN, "--to", "out"),
        (error) =>
          error instanceof ConfigError &&
          /Give --to a new or empty folder: ".*out" holds "policy" and is no export/
            .test(error.message),
      );
      const file = join(world.workingFolder, "file");
      Deno.writeTextFileSync(file, "text");
      await assert.rejects(run(world, ...FROM_MODEL_RUN, "--to", "file"), /Give --to a folder/);
      assert.equal(Deno.readTextFileSync(file), "text");
    }));

  it("names what is missing: the run, the iteration, the options", () =>
    withModelRun(async (world) => {
      await assert.rejects(run(world, "--to", "out"), /Give --from a run/);
      await assert.rejects(run(world, ...FROM_MODEL_RUN), /Give --to a folder/);
      await assert.rejects(
        run(world, "--from", "other", "--runs-dir", "runs", "--to", "out"),
        /"other" is neither; runs in .*: tiny-1/,
      );
      await assert.rejects(
        run(world, ...FROM_MODEL_RUN, "--to", "out", "--iteration", "3"),
        /Choose an --iteration from 0 to 2: run "tiny-1" has completed no other/,
      );
    }));
});
