// Model files and training states: round trip, and errors that name file and tensor.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { SchemaError } from "../../../src/base/errors.ts";
import {
  decodeModel,
  decodeTrainingState,
  encodeModel,
  encodeTrainingState,
} from "../../../src/model/checkpoint.ts";
import { type ModelShape, numParameters, parameterLayout } from "../../../src/model/model_shape.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../../../src/model/safetensors.ts";
import { TINY_SHAPE, tinyParameters } from "../../support/tiny_model.ts";

const FINAL_NORM = "gpt_neox.final_layer_norm.weight";

/** The tiny model's file with changed tensors. */
function changed(change: (tensors: Record<string, StoredTensor>) => void): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(encodeModel(TINY_SHAPE, tinyParameters()), "file");
  change(tensors);
  return encodeSafetensors(tensors, metadata);
}

function refuses(bytes: Uint8Array, message: RegExp): void {
  assert.throws(
    () => decodeModel(bytes, "sha256:ab"),
    (error) => error instanceof SchemaError && message.test(error.message),
  );
}

describe("encodeModel()", () => {
  it("is undone by decodeModel(), for a policy and for a reward", () => {
    for (const head of ["policy", "reward"] as const) {
      const model: ModelShape = { ...TINY_SHAPE, head }, flat = tinyParameters(model);
      assert.deepEqual(decodeModel(encodeModel(model, flat), "file"), { model, flat });
    }
  });

  it("uses Hugging Face names and shapes", () => {
    const { tensors, metadata } = decodeSafetensors(encodeModel(TINY_SHAPE, tinyParameters()), "file");
    assert.deepEqual(tensors["gpt_neox.layers.1.attention.query_key_value.weight"].shape, [48, 16]);
    assert.deepEqual(tensors["gpt_neox.layers.0.mlp.dense_4h_to_h.weight"].shape, [16, 20]);
    assert.equal(metadata.format, "pt");
  });
});

describe("decodeModel()", () => {
  it("names file and tensor when one is missing, extra or of another shape", () => {
    refuses(
      changed((tensors) => delete tensors[FINAL_NORM]),
      /^sha256:ab: lacks tensor "gpt_neox\.final_layer_norm\.weight" \[16\]/,
    );
    refuses(
      changed((tensors) => tensors["embed_out.weight"] = { shape: [1], data: Float32Array.of(1) }),
      /^sha256:ab: has unknown tensors: embed_out\.weight/,
    );
    refuses(
      changed((tensors) => tensors[FINAL_NORM] = { shape: [4, 4], data: tensors[FINAL_NORM].data }),
      /tensor "gpt_neox\.final_layer_norm\.weight" must be \[16\], got \[4,4\]/,
    );
  });

  it("refuses a file of something else", () => {
    refuses(encodeSafetensors({ x: { shape: [1], data: Float32Array.of(1) } }), /not a GPT-NeoX model/);
    const { tensors } = decodeSafetensors(encodeModel(TINY_SHAPE, tinyParameters()), "file");
    refuses(encodeSafetensors(tensors, { format: "pt" }), /lacks "head" in its metadata/);
  });
});

describe("encodeTrainingState()", () => {
  const size = numParameters(TINY_SHAPE), vector = (value: number) => new Float32Array(size).fill(value);
  const state = { parameters: vector(1), firstMoment: vector(2), secondMoment: vector(3), step: 41 };

  it("is undone by decodeTrainingState()", () => {
    assert.deepEqual(decodeTrainingState(encodeTrainingState(TINY_SHAPE, state), TINY_SHAPE, "file"), state);
  });

  it("is refused for another model, and without a moment", () => {
    const bytes = encodeTrainingState(TINY_SHAPE, state), other = { ...TINY_SHAPE, numLayers: 3 };
    assert.throws(
      () => decodeTrainingState(bytes, other, "file"),
      /^SchemaError: file: .*"parameters" is missing or of another length/,
    );
    const model = encodeModel(TINY_SHAPE, tinyParameters());
    assert.throws(() => decodeTrainingState(model, TINY_SHAPE, "file"), /"parameters" is missing/);
  });
});

describe("parameterLayout()", () => {
  it("covers the flat vector without gaps", () => {
    let end = 0;
    for (const { offset, size, shape } of parameterLayout(TINY_SHAPE)) {
      assert.equal(offset, end);
      assert.equal(size, shape.reduce((a, b) => a * b, 1));
      end += size;
    }
    assert.equal(end, numParameters(TINY_SHAPE));
    // 9·16 + 2·(4·16 + 48·17 + 16·17 + 20·17 + 16·21) + 2·16
    assert.equal(end, 3832);
  });
});
