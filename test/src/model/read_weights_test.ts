// Weights of Hugging Face folders: what transformers saved, whole and in shards, memory, and every refusal.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { SchemaError } from "../../../src/base/errors.ts";
import { sha256 } from "../../../src/base/canonical.ts";
import { encodeModel } from "../../../src/model/checkpoint.ts";
import { type ModelShape, numParameters, parameterLayout } from "../../../src/model/model_shape.ts";
import { INDEX_FILE, readWeights, WHOLE_FILE } from "../../../src/model/read_weights.ts";
import { readModelConfig } from "../../../src/model/read_model_config.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../../../src/model/safetensors.ts";
import { writeWeights } from "../../../src/model/write_weights.ts";
import saved from "../../golden/huggingface_folders.json" with { type: "json" };
import { type MemoryFolder, memoryFolder } from "../../support/memory_folder.ts";
import { TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";

const EMBEDDING = "gpt_neox.embed_in.weight", NORM = "gpt_neox.final_layer_norm.weight";

/** A folder of the fixture, and the digests of its tensors. */
function savedFolder(name: string): { files: MemoryFolder; model: ModelShape; digests: Map<string, string> } {
  const folder = Object.entries(saved.folders).find(([key]) => key === name)?.[1];
  assert.ok(folder);
  const files = memoryFolder(
    Object.fromEntries(
      Object.entries(folder.files).map(([file, text]) => [file, Uint8Array.fromBase64(text)]),
    ),
    name,
  );
  const config = new TextDecoder().decode(files.files.get("config.json"));
  return {
    files,
    model: readModelConfig(config, "config.json"),
    digests: new Map(Object.entries(folder.tensors)),
  };
}

/** The tiny model in one file with changed tensors. */
function changed(change: (tensors: Record<string, StoredTensor>) => void): MemoryFolder {
  const { tensors } = decodeSafetensors(encodeModel(TINY_SHAPE, tinyParameters()), "file");
  change(tensors);
  return memoryFolder({ [WHOLE_FILE]: encodeSafetensors(tensors) }, "m");
}

/** The tiny model in shards. */
async function sharded(): Promise<MemoryFolder> {
  const folder = memoryFolder({}, "m");
  await writeWeights(folder, { model: TINY_SHAPE, flat: tinyParameters() }, { maxShardBytes: 7000 });
  return folder;
}

async function refuses(files: MemoryFolder, message: RegExp, model: ModelShape = TINY_SHAPE): Promise<void> {
  await assert.rejects(
    readWeights(model, files),
    (error) => error instanceof SchemaError && (assert.match(error.message, message), true),
  );
  assert.equal(files.numOpen, 0, "every file is closed");
}

describe("readWeights() of what transformers saved", () => {
  for (const name of Object.keys(saved.folders)) {
    it(`reads every tensor of "${name}" exactly`, async () => {
      const { files, model, digests } = savedFolder(name), flat = await readWeights(model, files);
      assert.equal(files.numOpen, 0);
      const layout = parameterLayout(model);
      assert.equal(layout.length, digests.size);
      for (const { name, offset, size } of layout) {
        const bytes = new Uint8Array(flat.slice(offset, offset + size).buffer);
        assert.equal(sha256(bytes).slice(0, 16), digests.get(name), name);
      }
    });
  }
});

describe("readWeights()", () => {
  it("reads one file's tensors straight into the result, and each byte once", async () => {
    const flat = tinyParameters(), folder = memoryFolder();
    await writeWeights(folder, { model: TINY_SHAPE, flat });
    const result = await readWeights(TINY_SHAPE, folder);
    assert.deepEqual(result, flat);
    assert.equal(folder.bytesRead, folder.files.get(WHOLE_FILE)?.length);
    // Length field, header, result.
    folder.readInto.delete(result.buffer);
    assert.equal(folder.readInto.size, 2);
  });

  it("needs a buffer of at most 512 KiB beside the result where numbers are widened", async () => {
    // Its embedding alone has 400,000 numbers, in two pieces.
    const model: ModelShape = { ...TINY_SHAPE, vocabularySize: 25_000, numLayers: 1 };
    const flat = new Float32Array(numParameters(model)).map((_, i) => i % 128), folder = memoryFolder();
    await writeWeights(folder, { model, flat }, { type: "BF16" });
    assert.deepEqual(await readWeights(model, folder), flat);
    assert.equal(Math.max(...Array.from(folder.readInto, ({ byteLength }) => byteLength)), 2 ** 19);
  });

  it("takes a tied embedding's second copy when it is equal, under either name", async () => {
    for (const name of ["embed_out.weight", "lm_head.weight"]) {
      const files = changed((tensors) => tensors[name] = tensors[EMBEDDING]);
      assert.deepEqual(await readWeights(TINY_SHAPE, files), tinyParameters());
    }
    await refuses(
      changed((tensors) => {
        const { shape, data } = tensors[EMBEDDING];
        tensors["lm_head.weight"] = { shape, data: data.with(7, 0.25) };
      }),
      /^m\/model\.safetensors: Set "tie_word_embeddings" to false .* "lm_head\.weight" is not .* \(number 7\)/,
    );
  });

  it("passes over buffers of old checkpoints, by their exact names", async () => {
    const buffer = { shape: [1], data: Float32Array.of(1) };
    const files = changed((tensors) => {
      tensors["gpt_neox.layers.1.attention.rotary_emb.inv_freq"] = buffer;
      tensors["gpt_neox.layers.0.attention.bias"] = buffer;
    });
    assert.deepEqual(await readWeights(TINY_SHAPE, files), tinyParameters());
    await refuses(
      changed((tensors) => tensors["gpt_neox.layers.1.attention.query.bias"] = buffer),
      /it describes no tensor "gpt_neox\.layers\.1\.attention\.query\.bias"/,
    );
  });

  it("names file and tensor when one is missing, misspelled, extra or of another shape", async () => {
    await refuses(
      changed((tensors) => delete tensors[NORM]),
      /^m\/model\.safetensors: .*tensor "gpt_neox\.final_layer_norm\.weight" \[16\] is missing$/,
    );
    await refuses(
      changed((tensors) => {
        tensors["gpt_neox.final_layernorm.weight"] = tensors[NORM];
        delete tensors[NORM];
      }),
      /final_layer_norm\.weight" \[16\] is missing; there is an unknown "gpt_neox\.final_layernorm\.weight"/,
    );
    await refuses(
      changed((tensors) => tensors[NORM] = { shape: [2, 8], data: tensors[NORM].data }),
      /^m\/model\.safetensors: .*"gpt_neox\.final_layer_norm\.weight" must be \[16\], is \[2,8\]/,
    );
    const files = changed(() => {});
    await refuses(
      files,
      /tensor "gpt_neox\.layers\.2\.input_layernorm\.weight" \[16\] \(and 11 more\) is missing/,
      {
        ...TINY_SHAPE,
        numLayers: 3,
      },
    );
    await refuses(files, /it describes no tensor "gpt_neox\.layers\.1\..*" \(and 11 more\)/, {
      ...TINY_SHAPE,
      numLayers: 1,
    });
  });

  it("names a weight that is no float", async () => {
    const folder = changed(() => {}), bytes = folder.files.get(WHOLE_FILE);
    assert.ok(bytes);
    const text = new TextDecoder("latin1").decode(bytes).replace('"dtype":"F32"', '"dtype":"I32"');
    folder.files.set(WHOLE_FILE, Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
    await refuses(
      folder,
      /^m\/model\.safetensors: Store tensor "gpt_neox\..*" as F32, F16 or BF16: its dtype is I32/,
    );
  });

  it("refuses a file that was cut short", async () => {
    const folder = await sharded(),
      [name] = [...folder.files.keys()].filter((file) => file.includes("00002"));
    folder.files.set(name, folder.files.get(name)?.slice(0, -5) ?? new Uint8Array());
    await refuses(
      folder,
      /^m\/model-00002-of-0000\d\.safetensors: Fetch the file again: tensor ".*" is cut short/,
    );
    folder.files.set(name, new Uint8Array(4));
    await refuses(folder, /model-00002-of-0000\d\.safetensors: .*shorter than its length field/);
  });

  it("says how to convert pickled weights, and what an empty folder lacks", async () => {
    await refuses(
      memoryFolder({ "pytorch_model.bin": new Uint8Array() }, "m"),
      /^m: Convert the weights: only pytorch_model\.bin is there.*save_pretrained/,
    );
    await refuses(memoryFolder({}, "m"), /^m: Complete the folder: it has neither model\.safetensors nor /);
  });
});

describe("readWeights() of shards", () => {
  it("reads what writeWeights() wrote", async () => {
    const folder = await sharded();
    assert.equal(folder.files.size, 4);
    assert.deepEqual(await readWeights(TINY_SHAPE, folder), tinyParameters());
  });

  /** The index with changed places of tensors. */
  function withIndex(folder: MemoryFolder, change: (map: Record<string, string>) => void): MemoryFolder {
    const index: { weight_map: Record<string, string> } = JSON.parse(
      new TextDecoder().decode(folder.files.get(INDEX_FILE)),
    );
    change(index.weight_map);
    folder.files.set(INDEX_FILE, new TextEncoder().encode(JSON.stringify(index)));
    return folder;
  }

  it("names a shard that is missing", async () => {
    const folder = await sharded(), name = "model-00002-of-00003.safetensors";
    folder.files.delete(name);
    await refuses(
      folder,
      /^m\/model-00002-of-00003\.safetensors: Fetch the file: model\.safetensors\.index\.json names/,
    );
  });

  it("names a tensor that the index sees in another shard, or in two", async () => {
    const moved = withIndex(await sharded(), (map) => map[EMBEDDING] = "model-00002-of-00003.safetensors");
    await refuses(moved, /says that it holds tensor "gpt_neox\.embed_in\.weight", and it does not/);
    const twice = await sharded(), first = twice.files.get("model-00001-of-00003.safetensors");
    assert.ok(first);
    twice.files.set("model-00001b.safetensors", first);
    withIndex(twice, (map) => map[EMBEDDING] = "model-00001b.safetensors");
    await refuses(twice, /Write the shards again: tensor "gpt_neox\..*" stands in m\/model-00001.*too/);
  });

  it("refuses an index that is none or leads out of its folder", async () => {
    await refuses(
      memoryFolder({ [INDEX_FILE]: new TextEncoder().encode("{") }, "m"),
      /index\.json: .*not JSON/,
    );
    await refuses(
      memoryFolder({ [INDEX_FILE]: new TextEncoder().encode("{}") }, "m"),
      /index\.json: Correct "weight_map"/,
    );
    for (const name of ["../other.safetensors", "a/b.safetensors", "weights.bin"]) {
      const folder = withIndex(await sharded(), (map) => map[NORM] = name);
      await refuses(
        folder,
        /^m\/model\.safetensors\.index\.json: Give tensor "gpt_neox\.final_layer_norm\.weight" a/,
      );
    }
  });
});
