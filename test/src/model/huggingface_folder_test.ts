// Parity with the Hugging Face library on a tiny model (test/golden/make_huggingface_parity.py), and what is refused.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { SchemaError } from "../../../src/base/errors.ts";
import { loadTokenizer } from "../../../src/data/word_tokenizer.ts";
import { scoreSequences } from "../../../src/irl/learn_reward.ts";
import { forbiddenTokens } from "../../../src/irl/sample_generations.ts";
import { continuationLogProbabilities } from "../../../src/irl/score_policy.ts";
import { generate } from "../../../src/model/generate.ts";
import { causalPlan, hiddenStates, namedParameters, tiedLogits } from "../../../src/model/gpt_neox.ts";
import {
  huggingFaceFiles,
  readHuggingFaceModel,
  readModelConfig,
} from "../../../src/model/huggingface_folder.ts";
import { parameterLayout } from "../../../src/model/model_shape.ts";
import parity from "../../golden/huggingface_parity.json" with { type: "json" };
import { PARITY_TEXTS, parityFolders, parityModel } from "../../golden/parity_model.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function near(got: ArrayLike<number>, wanted: readonly number[], tolerance = parity.made.tolerance): void {
  assert.equal(got.length, wanted.length);
  wanted.forEach((value, i) =>
    assert.ok(Math.abs(got[i] - value) <= tolerance, `${got[i]} instead of ${value} at ${i}`)
  );
}

describe("Hugging Face parity (transformers read our folders)", () => {
  const cpu = useCpuTier();
  const { tokenizer: tokenizerJson, policy, reward } = parityModel();
  const tokenizer = loadTokenizer(tokenizerJson);
  const sequences = parity.sequences.map((ids, i) => ({
    prompt: parity.ids[2 * i],
    continuation: ids.slice(parity.ids[2 * i].length),
  }));

  it("loadTokenizer() encodes and decodes as AutoTokenizer", () => {
    assert.deepEqual(PARITY_TEXTS.map((text) => tokenizer.encode(text)), parity.ids);
    const known = parity.ids.map((ids) => ids.filter((id) => id !== tokenizer.unkId));
    assert.deepEqual(known.map((ids) => tokenizer.decode(ids)), parity.decoded);
  });

  it("tiedLogits() equal AutoModelForCausalLM's logits within 1e-4", () => {
    const [first] = parity.sequences;
    const logits = tf.tidy(() => {
      const parameters = namedParameters(policy.model, tf.tensor1d(policy.flat));
      const tokens = tf.tensor2d([first], undefined, "int32"), plan = causalPlan(policy.model, first.length);
      return tiedLogits(parameters, hiddenStates(policy.model, parameters, { tokens, plan }).hidden)
        .dataSync();
    });
    near(logits, parity.firstLogits);
  });

  it("continuationLogProbabilities() equal the sums of its log-softmax", async () => {
    const parameters = tf.tensor1d(policy.flat);
    const scores = await continuationLogProbabilities(
      { tier: cpu.tier, ...policy, parameters, tokenizer },
      sequences,
    );
    parameters.dispose();
    near(scores.map(({ total }) => total), parity.logLikelihoods);
  });

  it("scoreSequences() equals AutoModelForSequenceClassification's one logit", async () => {
    const parameters = tf.tensor1d(reward.flat);
    const scores = await scoreSequences(sequences, {
      tier: cpu.tier,
      ...reward,
      parameters,
      padId: tokenizer.padId,
    });
    parameters.dispose();
    near(scores, parity.rewards);
  });

  it("generate() writes greedily what model.generate writes", async () => {
    const parameters = tf.tensor1d(policy.flat);
    const generations = await generate(policy.model, parameters, {
      tier: cpu.tier,
      prompts: [parity.ids[0], parity.ids[2]],
      key: "0".repeat(16),
      temperature: "greedy",
      maxNewTokens: 12,
      padId: tokenizer.padId,
      eosId: tokenizer.eosId,
      forbidden: forbiddenTokens(tokenizer),
    });
    parameters.dispose();
    const longest = Math.max(...generations.map(({ tokens }) => tokens.length));
    const padded = generations.map(({ tokens }) => [
      ...tokens,
      ...Array.from({ length: longest - tokens.length }, () => tokenizer.padId),
    ]);
    assert.deepEqual(padded, parity.greedy);
  });

  it("readModelConfig() reads what transformers saves again", () => {
    for (const head of ["policy", "reward"] as const) {
      const shape = readModelConfig(JSON.stringify(parity.savedConfigs[head]), "config.json");
      assert.deepEqual(shape, { ...policy.model, head });
    }
  });
});

describe("huggingFaceFiles()", () => {
  it("writes equal bytes for equal models", () => {
    assert.deepEqual(parityFolders(), parityFolders());
  });

  it("is undone by readHuggingFaceModel()", () => {
    const { policy, reward } = parityModel(), folders = parityFolders();
    for (const [head, wanted] of Object.entries({ policy, reward })) {
      const files = folders[head === "policy" ? "policy" : "reward"];
      const read = readHuggingFaceModel({
        config: text(files["config.json"]),
        weights: files["model.safetensors"],
      }, "folder");
      assert.deepEqual(read, wanted);
    }
  });

  it("names padding and end apart, and gives a reward one label", () => {
    const { policy, reward } = parityFolders();
    const config = JSON.parse(text(reward["config.json"]));
    assert.deepEqual([config.num_labels, config.pad_token_id, config.eos_token_id], [1, 1, 0]);
    assert.deepEqual(Object.keys(config.id2label), ["0"]);
    assert.equal(JSON.parse(text(policy["config.json"])).tie_word_embeddings, true);
    assert.equal(reward["generation_config.json"], undefined);
  });

  it("writes a rotary share that gives an even number of features, as ours does", () => {
    const { policy } = parityModel();
    // A head of 12 features: a quarter is 3, of which our model rotates 2.
    const model = { ...policy.model, hiddenSize: 24, rotaryShare: 0.25 };
    const unused = {
      weights: new Uint8Array(),
      tokenizer: "",
      card: "",
      sampling: { temperature: 1, maxNewTokens: 1 },
    };
    const token = { id: 0, token: "" };
    const files = huggingFaceFiles({ ...unused, model, eos: token, pad: token, unk: token });
    assert.equal(JSON.parse(text(files["config.json"])).rotary_pct * 12, 2);
  });
});

describe("readModelConfig()", () => {
  const config = JSON.parse(text(parityFolders().policy["config.json"]));
  const refusal = (change: Record<string, unknown>) => () =>
    readModelConfig(JSON.stringify({ ...config, ...change }), "m/config.json");

  it("refuses what this transformer would compute otherwise, by name", () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ model_type: "llama" }, /m\/config\.json: .*"model_type" must be "gpt_neox", is "llama"/],
      [{ architectures: ["GPTNeoXForTokenClassification"] }, /"architectures"/],
      [{ hidden_act: "gelu_new" }, /"hidden_act"/],
      [{ use_parallel_residual: false }, /"use_parallel_residual"/],
      [{ tie_word_embeddings: false }, /"tie_word_embeddings"/],
      [{ layer_norm_eps: 1e-6 }, /"layer_norm_eps"/],
      [{ rope_parameters: { rope_type: "linear", rope_theta: 10000 } }, /"rope_type"/],
      [{ num_hidden_layers: "two" }, /"num_hidden_layers"/],
    ];
    for (const [change, message] of cases) {
      assert.throws(refusal(change), (error) => error instanceof SchemaError && message.test(error.message));
    }
  });

  it("refuses a file that is not JSON, or no object", () => {
    assert.throws(
      () => readModelConfig("{", "config.json"),
      /config\.json: Write the file again: it is not JSON/,
    );
    assert.throws(() => readModelConfig("[]", "config.json"), /it is no JSON object/);
  });

  it("leaves a weight that the configuration does not describe to an error with its name", () => {
    const files = parityFolders().policy;
    const more = JSON.stringify({ ...config, num_hidden_layers: 3 });
    assert.throws(
      () => readHuggingFaceModel({ config: more, weights: files["model.safetensors"] }, "m"),
      /m\/model\.safetensors: lacks tensor "gpt_neox\.layers\.2\.input_layernorm\.weight" \[32\]/,
    );
    assert.equal(parameterLayout(readModelConfig(more, "m")).length, 39);
  });
});
