// Writes a folder of every architecture, head, number type and number of files, for check_export.py to open in transformers, and
// a LoRA adapter of each for check_adapters.py to open in PEFT. `deno run -A test/golden/exported_models.ts DIR`
import { join } from "node:path";
import { keyFromSeed, normals } from "../../src/base/random.ts";
import { writeAdapterFolder } from "../../src/model/adapter_folder.ts";
import { adapterSize, linearModules, mergedParameters } from "../../src/model/lora.ts";
import { modelConfigFields } from "../../src/model/model_config_fields.ts";
import { type ModelShape, parameterLayout } from "../../src/model/model_shape.ts";
import { type FloatType, roundFloats } from "../../src/model/stored_floats.ts";
import { writeWeights } from "../../src/model/write_weights.ts";
import { folderWriter } from "../../src/store/folder_files.ts";
import { tinyParameters } from "../support/tiny_model.ts";
import { TINY_SHAPES } from "../support/tiny_shapes.ts";

/** Folder → tensor → its first numbers. */
type FirstNumbers = Record<string, Record<string, number[]>>;

const [root] = Deno.args, firstWeights: FirstNumbers = {}, mergedWeights: FirstNumbers = {};
const stores: [FloatType, number][] = [["F32", 5e9], ["BF16", 4000], ["F16", 5e9]];

for (const [name, shape] of Object.entries(TINY_SHAPES)) {
  for (const head of ["policy", "reward"] as const) {
    for (const [type, maxShardBytes] of stores) {
      const model: ModelShape = { ...shape, head }, flat = tinyParameters(model);
      const folder = `${name}-${head}-${type}`, path = join(root, folder);
      Deno.mkdirSync(path, { recursive: true });
      const config = modelConfigFields(model, { tokens: { bos: 0, eos: 0, pad: 1 }, type });
      Deno.writeTextFileSync(join(path, "config.json"), JSON.stringify(config, null, 2));
      await writeWeights(folderWriter(path), { model, flat }, { type, maxShardBytes });
      roundFloats(flat, type);
      firstWeights[folder] = firstNumbers(model, flat);
    }
    await writeAdapter(`${name}-${head}`, { ...shape, head });
  }
}
Deno.writeTextFileSync(join(root, "first_weights.json"), JSON.stringify(firstWeights));
Deno.writeTextFileSync(join(root, "merged_weights.json"), JSON.stringify(mergedWeights));

function firstNumbers(model: ModelShape, flat: Float32Array): Record<string, number[]> {
  return Object.fromEntries(
    parameterLayout(model).map(({ name, offset, size }) => [
      name,
      Array.from(flat.subarray(offset, offset + Math.min(8, size))),
    ]),
  );
}

/** An adapter of all linear layers with a random B; PEFT must merge it as we do. */
async function writeAdapter(name: string, model: ModelShape): Promise<void> {
  const folder = `${name}-adapter`, path = join(root, folder), base = tinyParameters(model);
  const config = { rank: 3, alpha: 5, rankStabilised: model.head === "reward", targetModules: linearModules(model) };
  const flat = normals(keyFromSeed(3), adapterSize({ model, config }));
  Deno.mkdirSync(path, { recursive: true });
  await writeAdapterFolder(folderWriter(path), { model, config }, { flat, baseModel: join(root, `${name}-F32`) });
  mergedWeights[folder] = firstNumbers(model, mergedParameters({ model, config }, { base, adapter: flat }));
}
