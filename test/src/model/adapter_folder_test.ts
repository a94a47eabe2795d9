// PEFT's folders in and out: what PEFT saved and merged, round trip, and every refusal by name.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { SchemaError } from "../../../src/base/errors.ts";
import { keyFromSeed, normals } from "../../../src/base/random.ts";
import { readAdapterFolder, writeAdapterFolder } from "../../../src/model/adapter_folder.ts";
import { type AdaptedModel, adapterSize, linearModules, mergedParameters } from "../../../src/model/lora.ts";
import { type ModelShape, parameterLayout } from "../../../src/model/model_shape.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../../../src/model/safetensors.ts";
import saved from "../../golden/peft_adapters.json" with { type: "json" };
import { type MemoryFolder, memoryFolder } from "../../support/memory_folder.ts";
import { tinyParameters } from "../../support/tiny_model.ts";
import { TINY_SHAPES } from "../../support/tiny_shapes.ts";

const CONFIG = "adapter_config.json", WEIGHTS = "adapter_model.safetensors";

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

function adaptedModel(model: ModelShape): AdaptedModel {
  return {
    model,
    config: { rank: 2, alpha: 6, rankStabilised: true, targetModules: linearModules(model) },
  };
}

const randomAdapter = (adapted: AdaptedModel) => normals(keyFromSeed(7), adapterSize(adapted));

/** A folder of ours with changed fields and tensors. */
async function changed(
  model: ModelShape,
  { fields = {}, tensors: change = () => {} }: {
    fields?: Record<string, unknown>;
    tensors?: (tensors: Record<string, StoredTensor>) => void;
  },
): Promise<MemoryFolder> {
  const folder = memoryFolder({}, "a"), adapted = adaptedModel(model);
  await writeAdapterFolder(folder, adapted, { flat: randomAdapter(adapted), baseModel: null });
  const config = { ...JSON.parse(text(folder.files.get(CONFIG))), ...fields };
  folder.files.set(CONFIG, new TextEncoder().encode(JSON.stringify(config)));
  const { tensors } = decodeSafetensors(folder.files.get(WEIGHTS) ?? new Uint8Array(), WEIGHTS);
  change(tensors);
  folder.files.set(WEIGHTS, encodeSafetensors(tensors));
  return folder;
}

async function refuses(folder: MemoryFolder, message: RegExp, model = TINY_SHAPES.llama): Promise<void> {
  await assert.rejects(
    readAdapterFolder(folder, model),
    (error) => error instanceof SchemaError && (assert.match(error.message, message), true),
  );
  assert.equal(folder.numOpen, 0);
}

describe("readAdapterFolder()", () => {
  for (const [name, { files, merged }] of Object.entries(saved.adapters)) {
    it(`reads PEFT's adapter "${name}" and merges it as PEFT does`, async () => {
      const [shape, head] = name.split("-"), isReward = head === "reward";
      const model: ModelShape = { ...TINY_SHAPES[shape], head: isReward ? "reward" : "policy" };
      const folder = memoryFolder(
        Object.fromEntries(
          Object.entries(files).map(([file, content]) => [file, Uint8Array.fromBase64(content)]),
        ),
      );
      const adapter = await readAdapterFolder(folder, model);
      assert.ok(adapter);
      assert.equal(adapter.baseModel, `${name}-F32`);
      const base = tinyParameters(model);
      const flat = mergedParameters({ model, config: adapter.config }, { base, adapter: adapter.flat });
      const wanted = new Map(Object.entries<number[]>(merged));
      for (const { name, offset, size } of parameterLayout(model)) {
        const first = wanted.get(name) ?? base.subarray(offset, offset + Math.min(4, size));
        first.forEach((value, i) =>
          assert.ok(
            Math.abs(flat[offset + i] - value) <= saved.made.tolerance,
            `${name}: ${flat[offset + i]}, ${value}`,
          )
        );
      }
    });
  }

  it("undoes writeAdapterFolder(), for every architecture and head", async () => {
    for (const shape of Object.values(TINY_SHAPES)) {
      for (const head of ["policy", "reward"] as const) {
        const adapted = adaptedModel({ ...shape, head }),
          folder = memoryFolder(),
          flat = randomAdapter(adapted);
        await writeAdapterFolder(folder, adapted, { flat, baseModel: "org/base" });
        assert.deepEqual(await readAdapterFolder(folder, adapted.model), {
          config: adapted.config,
          flat,
          baseModel: "org/base",
        });
      }
    }
  });

  it("finds no adapter in a folder without adapter_config.json", async () => {
    assert.equal(await readAdapterFolder(memoryFolder(), TINY_SHAPES.neox), undefined);
  });

  it("refuses by name what an adapter may do and this program does not", async () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ peft_type: "IA3" }, /^a\/adapter_config\.json: .*"peft_type" must be "LORA", is "IA3"/],
      [{ use_dora: true }, /"use_dora" must be false, is true/],
      [{ bias: "all" }, /"bias" must be "none", is "all"/],
      [{ lora_bias: true }, /"lora_bias"/],
      [{ layers_to_transform: [0] }, /"layers_to_transform"/],
      [{ rank_pattern: { q_proj: 4 } }, /"rank_pattern" must be empty, is \{"q_proj":4\}/],
      [{ alpha_pattern: { q_proj: 4 } }, /"alpha_pattern" must be empty/],
      [{ modules_to_save: ["lm_head"] }, /"modules_to_save" must be null for a policy, is \["lm_head"\]/],
      [{ target_modules: ".*proj" }, /Write "target_modules" as a list .* it is the pattern "\.\*proj"/],
      [{ target_modules: ["c_attn"] }, /^a\/adapter_config\.json: .*"c_attn" is none/],
      [{ r: 0 }, /Correct "r": .*, is 0/],
    ];
    for (const [fields, message] of cases) {
      await refuses(await changed(TINY_SHAPES.llama, { fields }), message);
    }
    const reward: ModelShape = { ...TINY_SHAPES.llama, head: "reward" };
    const folder = await changed(reward, { fields: { modules_to_save: null } });
    await refuses(folder, /"modules_to_save" must be a list with "score" for a reward, is null/, reward);
  });

  it('takes "all-linear" and an empty pattern', async () => {
    const fields = { target_modules: "all-linear", rank_pattern: {}, use_rslora: null };
    const adapter = await readAdapterFolder(await changed(TINY_SHAPES.neox, { fields }), TINY_SHAPES.neox);
    assert.deepEqual(adapter?.config.targetModules, linearModules(TINY_SHAPES.neox));
    assert.equal(adapter?.config.rankStabilised, false);
  });

  it("names file and tensor of weights that do not fit", async () => {
    const name = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight", model = TINY_SHAPES.llama;
    await refuses(
      await changed(model, { tensors: (tensors) => delete tensors[name] }),
      /^a\/adapter_model\.safetensors: Use weights that fit adapter_config\.json: tensor "base_.*up_proj.*lora_B.*missing/,
    );
    await refuses(
      await changed(model, { fields: { target_modules: ["q_proj"] } }),
      /it describes no tensor "base_model\.model\.model\.layers\.0\.mlp\.down_proj\.lora_A\.weight" \(and 23 more\)/,
    );
    await refuses(
      await changed(model, { fields: { r: 3 } }),
      /lora_A\.weight" must be \[3,16\], is \[2,16\]/,
    );
  });

  it("says how to convert pickled weights, and which file is missing", async () => {
    const folder = await changed(TINY_SHAPES.llama, {});
    folder.files.delete(WEIGHTS);
    await refuses(folder, /^a: Complete the folder: it lacks adapter_model\.safetensors/);
    folder.files.set("adapter_model.bin", new Uint8Array(1));
    await refuses(folder, /^a: Convert the weights: only adapter_model\.bin is there/);
  });
});
