// `config.json` in and out: both spellings, defaults of transformers' classes, and what is refused, by name.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { SchemaError } from "../../../src/base/errors.ts";
import { modelConfigFields } from "../../../src/model/model_config_fields.ts";
import type { ModelShape } from "../../../src/model/model_shape.ts";
import { readModelConfig } from "../../../src/model/read_model_config.ts";
import { numRotated } from "../../../src/model/rotary.ts";
import saved from "../../golden/huggingface_folders.json" with { type: "json" };
import { TINY_SHAPE } from "../../support/tiny_model.ts";
import { TINY_SHAPES } from "../../support/tiny_shapes.ts";

const TOKENS = { bos: 0, eos: 0, pad: 1 };

const read = (config: Record<string, unknown>) => readModelConfig(JSON.stringify(config), "m/config.json");
const fields = (model: ModelShape) => modelConfigFields(model, { tokens: TOKENS });

/** Fields without those named. */
function without(config: Record<string, unknown>, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([name]) => !names.includes(name)));
}

function refuses(config: Record<string, unknown>, message: RegExp): void {
  assert.throws(
    () => read(config),
    (error) => error instanceof SchemaError && (assert.match(error.message, message), true),
  );
}

describe("readModelConfig()", () => {
  it("undoes modelConfigFields(), for every architecture and head", () => {
    for (const shape of Object.values(TINY_SHAPES)) {
      for (
        const change of [{ head: "policy" }, { head: "reward" }, {
          head: "reward",
          rewardShift: -0.5,
        }] as const
      ) {
        const model: ModelShape = { ...shape, ...change };
        assert.deepEqual(read(fields(model)), model);
      }
    }
  });

  it("reads the spelling of transformers 5 alone, and that of transformers 4 alone", () => {
    for (const model of Object.values(TINY_SHAPES)) {
      const both = fields(model), dtype = both.dtype;
      assert.deepEqual(
        read(without(both, "torch_dtype", "rope_theta", "rotary_pct", "rotary_emb_base")),
        model,
      );
      const older = { ...without(both, "dtype", "rope_parameters"), torch_dtype: dtype, rope_scaling: null };
      assert.deepEqual(read(older), model);
    }
  });

  it("reads what transformers saved", () => {
    const configs = Object.entries(saved.folders).map(([name, { files }]) =>
      [name, read(JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(files["config.json"]))))] as const
    );
    const shapes = Object.fromEntries(configs), { neox_tied: tied, mistral, llama } = shapes;
    const { rotaryBase, rotaryShare, normEpsilon, parallelResidual, tiedEmbeddings } = tied;
    assert.deepEqual([rotaryBase, rotaryShare, normEpsilon, parallelResidual, tiedEmbeddings], [
      500,
      0.5,
      1e-6,
      false,
      true,
    ]);
    assert.deepEqual(shapes.neox_old, tied);
    assert.deepEqual([mistral.headSize, mistral.slidingWindow, mistral.numKeyValueHeads], [6, 16, 1]);
    assert.equal(shapes.mistral_reward.slidingWindow, null);
    assert.equal(llama.headSize, 4);
    for (const [name, { head }] of configs) {
      assert.equal(head, name.endsWith("_reward") ? "reward" : "policy");
    }
  });

  it("takes the defaults of transformers' classes", () => {
    const neox = without(
      fields(TINY_SHAPES.neox),
      "rope_parameters",
      "rotary_pct",
      "rotary_emb_base",
      "rope_theta",
    );
    assert.deepEqual(
      read(without(neox, "layer_norm_eps", "use_parallel_residual", "tie_word_embeddings", "hidden_act")),
      { ...TINY_SHAPES.neox, rotaryShare: 0.25 },
    );
    const llama = without(
      fields(TINY_SHAPES.llama),
      "head_dim",
      "num_key_value_heads",
      "rms_norm_eps",
      "rope_theta",
    );
    const { rotaryBase, numKeyValueHeads, normEpsilon } = read(without(llama, "rope_parameters"));
    assert.deepEqual([rotaryBase, numKeyValueHeads, normEpsilon], [10_000, 2, 1e-6]);
    const mistral = { ...fields({ ...TINY_SHAPES.mistral, numHeads: 8, maxPositions: 8192 }) };
    const { numKeyValueHeads: eight, slidingWindow } = read(
      without(mistral, "num_key_value_heads", "sliding_window"),
    );
    assert.deepEqual([eight, slidingWindow], [8, 4096]);
  });

  it("drops a sliding window that no text reaches", () => {
    const { maxPositions } = TINY_SHAPES.mistral, config = fields(TINY_SHAPES.mistral);
    assert.equal(read({ ...config, sliding_window: maxPositions }).slidingWindow, null);
    assert.equal(read({ ...config, sliding_window: null }).slidingWindow, null);
    assert.equal(read({ ...config, sliding_window: maxPositions - 1 }).slidingWindow, maxPositions - 1);
  });

  it("names the known types where a model is of another", () => {
    const message =
      /m\/config\.json: Use a model of type "gpt_neox", "llama", "mistral": "model_type" is "gpt2"$/;
    refuses({ model_type: "gpt2", n_embd: 3 }, message);
    refuses({}, /"model_type" is undefined/);
  });

  it("refuses what the network would compute otherwise, by name", () => {
    const neox = fields(TINY_SHAPES.neox), llama = fields(TINY_SHAPES.llama);
    for (const act of ["gelu_new", "gelu_fast", "relu"]) {
      refuses({ ...neox, hidden_act: act }, new RegExp(`"hidden_act" must be "gelu", is "${act}"`));
    }
    refuses({ ...llama, hidden_act: "gelu" }, /"hidden_act" must be "silu", is "gelu"/);
    refuses({ ...neox, attention_bias: false }, /"attention_bias" must be true, is false/);
    refuses({ ...llama, attention_bias: true }, /"attention_bias" must be false, is true/);
    refuses({ ...llama, mlp_bias: true }, /"mlp_bias" must be false/);
    refuses(
      { ...llama, rope_scaling: { type: "linear", factor: 2 } },
      /"rope_scaling" must be "default", is "linear"/,
    );
    refuses(
      { ...llama, rope_parameters: { rope_type: "llama3", rope_theta: 1e4 } },
      /"rope_type" .* is "llama3"/,
    );
    refuses(
      { ...llama, rope_parameters: { full_attention: { rope_type: "default" } } },
      /"rope_parameters\.full_attention" is an object/,
    );
    refuses(
      { ...llama, quantization_config: { bits: 4 } },
      /"quantization_config" must be null, is \{"bits":4\}/,
    );
    refuses({ ...neox, rotary_pct: 0.4, rope_parameters: undefined }, /0\.4 of 8 features are 3/);
  });

  it("refuses another head than a policy's or a reward's of one output", () => {
    const reward = fields({ ...TINY_SHAPE, head: "reward" });
    refuses(
      { ...reward, architectures: ["GPTNeoXForTokenClassification"] },
      /GPTNeoXForCausalLM \(a policy\) or/,
    );
    refuses(without(reward, "architectures"), /"architectures" is undefined/);
    refuses({ ...reward, id2label: { "0": "a", "1": "b" } }, /"num_labels" is 2/);
    refuses(without(reward, "id2label", "num_labels"), /"num_labels" is 2/);
    assert.equal(read(without(reward, "id2label")).head, "reward");
  });

  it("names a field that is missing, of another kind, or does not fit the others", () => {
    const config = fields(TINY_SHAPES.llama);
    refuses(
      { ...config, num_hidden_layers: "two" },
      /^m\/config\.json: Correct "num_hidden_layers": .* is "two"/,
    );
    refuses(
      without(config, "vocab_size"),
      /Correct "vocab_size": must be a whole number above 0, is undefined/,
    );
    refuses({ ...config, rms_norm_eps: 0 }, /Correct "rms_norm_eps": must be a number above 0/);
    refuses({ ...config, hidden_size: 15, head_dim: null }, /"num_attention_heads": 2 heads do not divide/);
    refuses(
      { ...config, num_key_value_heads: 3 },
      /"num_key_value_heads": 3 must divide "num_attention_heads" 2/,
    );
  });

  it("refuses a file that is not JSON, or no object", () => {
    assert.throws(
      () => readModelConfig("{", "config.json"),
      /config\.json: Write the file again: it is not JSON/,
    );
    assert.throws(() => readModelConfig("[]", "config.json"), /it is no JSON object/);
  });
});

describe("modelConfigFields()", () => {
  it("gives a rotary share from which transformers computes the number of features that ours rotates", () => {
    for (let headSize = 2; headSize <= 256; headSize++) {
      for (const rotaryShare of [0.1, 0.25, 1 / 3, 0.4, 0.5, 0.77, 1]) {
        const model = { ...TINY_SHAPE, headSize, hiddenSize: 2 * headSize, rotaryShare };
        const share = Number(fields(model).rotary_pct);
        // int(head_dim * partial_rotary_factor), in the same arithmetic.
        assert.equal(Math.floor(headSize * share), numRotated(headSize, rotaryShare));
      }
    }
  });

  it("names padding and end apart, and gives a reward one label", () => {
    const config = fields({ ...TINY_SHAPE, head: "reward" });
    assert.deepEqual([config.num_labels, config.pad_token_id, config.eos_token_id], [1, 1, 0]);
    assert.deepEqual(config.id2label, { "0": "reward" });
    assert.equal(modelConfigFields(TINY_SHAPE, { tokens: TOKENS, type: "BF16" }).torch_dtype, "bfloat16");
  });

  it("throws where GPT-NeoX's configuration has no field for the shape", () => {
    assert.throws(() => fields({ ...TINY_SHAPE, headSize: 12 }), /no head size/);
    assert.throws(() => fields({ ...TINY_SHAPE, numKeyValueHeads: 1 }), /key-value heads of its own/);
  });
});
