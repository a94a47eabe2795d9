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
import { TINY_SHAPES } from "../../support/tiny_shapes.ts";

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
  it("is undone by decodeModel(), for every architecture, a policy and a reward", () => {
    for (const shape of Object.values(TINY_SHAPES)) {
      for (
        const change of [{ head: "policy" }, { head: "reward" }, {
          head: "reward",
          rewardShift: 0.5,
        }] as const
      ) {
        const model: ModelShape = { ...shape, ...change }, flat = tinyParameters(model);
        assert.deepEqual(decodeModel(encodeModel(model, flat), "file"), { model, flat });
      }
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
      /^sha256:ab: Use weights .*: tensor "gpt_neox\.final_layer_norm\.weight" \[16\] is missing$/,
    );
    refuses(
      changed((tensors) => tensors["other.weight"] = { shape: [1], data: Float32Array.of(1) }),
      /^sha256:ab: Use weights .*: it describes no tensor "other\.weight"$/,
    );
    refuses(
      changed((tensors) => tensors[FINAL_NORM] = { shape: [4, 4], data: tensors[FINAL_NORM].data }),
      /tensor "gpt_neox\.final_layer_norm\.weight" must be \[16\], is \[4,4\]/,
    );
    refuses(
      changed((tensors) => tensors["embed_out.weight"] = tensors["gpt_neox.embed_in.weight"]),
      /tensor "embed_out\.weight" stands beside the embedding it is tied to/,
    );
  });

  it("refuses a file of something else, and a shape that is none", () => {
    const { tensors } = decodeSafetensors(encodeModel(TINY_SHAPE, tinyParameters()), "file");
    refuses(
      encodeSafetensors(tensors, { format: "pt" }),
      /a model that this program wrote: "shape" is missing/,
    );
    refuses(encodeSafetensors(tensors, { shape: "{" }), /"shape" in its metadata is no JSON/);
    const wrong = JSON.stringify({ ...TINY_SHAPE, numHeads: "two" });
    refuses(encodeSafetensors(tensors, { shape: wrong }), /"shape\.numHeads" in its metadata: /);
    const more = JSON.stringify({ ...TINY_SHAPE, numExperts: 8 });
    refuses(encodeSafetensors(tensors, { shape: more }), /"shape" in its metadata: .*numExperts/);
  });
});

describe("encodeTrainingState()", () => {
  const size = numParameters(TINY_SHAPE), vector = (value: number) => new Float32Array(size).fill(value);
  const state = { parameters: vector(1), firstMoment: vector(2), secondMoment: vector(3), step: 41 };

  it("is undone by decodeTrainingState()", () => {
    assert.deepEqual(decodeTrainingState(encodeTrainingState(TINY_SHAPE, state), size, "file"), state);
  });

  it("is refused for another model, and without a moment", () => {
    const bytes = encodeTrainingState(TINY_SHAPE, state);
    assert.throws(
      () => decodeTrainingState(bytes, size + 1, "file"),
      /^SchemaError: file: .*"parameters" is missing or of another length/,
    );
    const model = encodeModel(TINY_SHAPE, tinyParameters());
    assert.throws(() => decodeTrainingState(model, size, "file"), /"parameters" is missing/);
    const { tensors } = decodeSafetensors(bytes, "file");
    assert.throws(
      () => decodeTrainingState(encodeSafetensors(tensors, { step: "soon" }), size, "file"),
      /^SchemaError: file: .*its "step" is soon/,
    );
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
