// Weights into Hugging Face folders: equal bytes to the artifact, narrower types, shards and their index.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { ConfigError } from "../../../src/base/errors.ts";
import { decodeModel, encodeModel } from "../../../src/model/checkpoint.ts";
import { type ModelShape, numParameters, parameterLayout } from "../../../src/model/model_shape.ts";
import { INDEX_FILE, readWeights, WHOLE_FILE } from "../../../src/model/read_weights.ts";
import { roundFloats } from "../../../src/model/stored_floats.ts";
import { writeWeights } from "../../../src/model/write_weights.ts";
import { memoryFolder } from "../../support/memory_folder.ts";
import { TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";
import { TINY_SHAPES } from "../../support/tiny_shapes.ts";

describe("writeWeights()", () => {
  it("writes the bytes of encodeModel() into one file of float32", async () => {
    for (const model of Object.values(TINY_SHAPES)) {
      const flat = tinyParameters(model), folder = memoryFolder();
      assert.deepEqual(await writeWeights(folder, { model, flat }), [WHOLE_FILE]);
      assert.deepEqual(folder.files.get(WHOLE_FILE), encodeModel(model, flat));
      assert.equal(folder.numOpen, 0);
    }
  });

  it("rounds to the narrower type, and is undone up to that rounding, over pieces of large tensors too", async () => {
    const model: ModelShape = { ...TINY_SHAPE, vocabularySize: 20_000 }, flat = tinyParameters(model);
    for (const type of ["BF16", "F16"] as const) {
      const folder = memoryFolder(), rounded = flat.slice();
      roundFloats(rounded, type);
      await writeWeights(folder, { model, flat }, { type });
      const bytes = folder.files.get(WHOLE_FILE);
      assert.ok(bytes);
      assert.deepEqual(decodeModel(bytes, "file"), { model, flat: rounded });
    }
  });

  it("refuses a number beyond float16's range, by the tensor's name, and keeps infinities", async () => {
    const flat = tinyParameters(), model = TINY_SHAPE;
    flat[3] = Infinity;
    await writeWeights(memoryFolder(), { model, flat }, { type: "F16" });
    flat[5] = -7e4;
    await assert.rejects(
      writeWeights(memoryFolder(), { model, flat }, { type: "F16" }),
      (error) =>
        error instanceof ConfigError &&
        /^Write BF16 or F32: tensor "gpt_neox\.embed_in\.weight" holds -70000, beyond/.test(error.message),
    );
  });

  it("splits at maxShardBytes, gives a larger tensor its own file, and indexes every tensor", async () => {
    for (const type of ["F32", "BF16"] as const) {
      const model = TINY_SHAPES.llama, flat = tinyParameters(model), folder = memoryFolder();
      roundFloats(flat, type);
      const each = type === "F32" ? 4 : 2,
        largest = Math.max(...parameterLayout(model).map(({ size }) => size));
      const maxShardBytes = each * (largest - 1);
      const names = await writeWeights(folder, { model, flat }, { type, maxShardBytes });
      assert.deepEqual(names.toSorted(), [...folder.files.keys()].toSorted());
      assert.equal(names.at(-1), INDEX_FILE);
      const index = JSON.parse(new TextDecoder().decode(folder.files.get(INDEX_FILE)));
      assert.equal(index.metadata.total_size, each * numParameters(model));
      assert.deepEqual(Object.keys(index.weight_map), parameterLayout(model).map(({ name }) => name).sort());
      for (const name of names.slice(0, -1)) {
        assert.match(name, new RegExp(`^model-000\\d\\d-of-000${names.length - 1}\\.safetensors$`));
        const held = parameterLayout(model).filter((entry) => index.weight_map[entry.name] === name);
        const size = held.reduce((sum, entry) => sum + entry.size, 0);
        assert.ok(held.length === 1 || each * size <= maxShardBytes);
      }
      assert.deepEqual(await readWeights(model, folder), flat);
    }
  });
});
