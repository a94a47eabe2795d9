// Folders with a PEFT adapter: merged with the folder that they name.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, normals } from "../../src/base/random.ts";
import { tokenizerFiles } from "../../src/data/tokenizer_files.ts";
import { writeAdapterFolder } from "../../src/model/adapter_folder.ts";
import { writeModelFolder } from "../../src/model/huggingface_folder.ts";
import { rewardBody } from "../../src/model/initial_parameters.ts";
import { adapterSize, linearModules, mergedParameters } from "../../src/model/lora.ts";
import type { ModelShape } from "../../src/model/model_shape.ts";
import { folderWriter } from "../../src/store/folder_files.ts";
import { readFolder } from "../../scripts/model_folder.ts";
import { parityModel } from "../golden/parity_model.ts";

/** A folder with the parity policy in `base`, and its adapter for a head in `adapter`, which names `baseModel`. */
async function withAdapter(
  { head, baseModel }: { head: ModelShape["head"]; baseModel: string | null },
  body: (folder: string, merged: (base: Float32Array) => Float32Array) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "adapter-" });
  try {
    const { policy, tokenizer } = parityModel(), model = { ...policy.model, head };
    const config = { rank: 2, alpha: 4, rankStabilised: false, targetModules: linearModules(model) };
    const flat = normals(keyFromSeed(4), adapterSize({ model, config }));
    for (const name of ["base", "adapter"]) Deno.mkdirSync(join(folder, name));
    await writeModelFolder(folderWriter(join(folder, "base")), {
      ...policy,
      tokenizer: tokenizerFiles(tokenizer),
      sampling: { temperature: 1, topK: 0, topP: 1, maxNewTokens: 8 },
      card: "",
    });
    await writeAdapterFolder(folderWriter(join(folder, "adapter")), { model, config }, { flat, baseModel });
    await body(folder, (base) => mergedParameters({ model, config }, { base, adapter: flat }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

describe("readFolder() of an adapter", () => {
  it("merges it with the folder that it names, by a path from its own, and takes that one's tokenizer", () =>
    withAdapter({ head: "policy", baseModel: "../base" }, async (folder, merged) => {
      const opened = await readFolder(join(folder, "adapter")), base = await readFolder(join(folder, "base"));
      const { flat, model } = parityModel().policy;
      assert.deepEqual([opened?.model, opened?.flat], [model, merged(flat)]);
      assert.deepEqual([opened?.tokenizer, opened?.generation], [base?.tokenizer, base?.generation]);
    }));

  it("makes a reward of a policy's body where it is a sequence classifier's", () =>
    withAdapter({ head: "reward", baseModel: "../base" }, async (folder, merged) => {
      const opened = await readFolder(join(folder, "adapter")), { flat, model } = parityModel().policy;
      assert.deepEqual([opened?.model.head, opened?.flat], ["reward", merged(rewardBody(flat, model))]);
    }));

  it("asks for the base's folder where it names none, or one that is not there", async () => {
    for (const baseModel of [null, "someone/some-model"]) {
      await withAdapter({ head: "policy", baseModel }, async (folder) => {
        await assert.rejects(
          readFolder(join(folder, "adapter")),
          (error) =>
            String(error).includes(`adapter_config.json": it is ${JSON.stringify(baseModel)}, where`),
        );
      });
    }
  });
});
