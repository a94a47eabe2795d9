// Parity with the Hugging Face library on a tiny model (test/golden/make_huggingface_parity.py), and what is refused.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { SchemaError } from "../../../src/base/errors.ts";
import { loadTokenizer } from "../../../src/data/load_tokenizer.ts";
import { scoreSequences } from "../../../src/irl/learn_reward.ts";
import { forbiddenTokens } from "../../../src/irl/sample_generations.ts";
import { continuationLogProbabilities } from "../../../src/irl/score_policy.ts";
import { generate } from "../../../src/model/generate.ts";
import { causalPlan, hiddenStates, namedParameters, outputLogits } from "../../../src/model/transformer.ts";
import { readModelFolder, writeModelFolder } from "../../../src/model/huggingface_folder.ts";
import { readModelConfig } from "../../../src/model/read_model_config.ts";
import { roundFloats } from "../../../src/model/stored_floats.ts";
import parity from "../../golden/huggingface_parity.json" with { type: "json" };
import { PARITY_TEXTS, parityFolders, parityModel } from "../../golden/parity_model.ts";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { memoryFolder } from "../../support/memory_folder.ts";
import { tinyParameters } from "../../support/tiny_model.ts";
import { TINY_SHAPES } from "../../support/tiny_shapes.ts";

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

  it("outputLogits() equal AutoModelForCausalLM's logits within 1e-4", () => {
    const [first] = parity.sequences;
    const logits = tf.tidy(() => {
      const parameters = namedParameters(policy.model, tf.tensor1d(policy.flat));
      const tokens = tf.tensor2d([first], undefined, "int32"), plan = causalPlan(policy.model, first.length);
      return outputLogits(
        policy.model,
        parameters,
        hiddenStates(policy.model, parameters, { tokens, plan }).hidden,
      )
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

describe("describingFiles()", () => {
  const { policy, reward } = parityFolders();
  const json = (bytes: Uint8Array) => JSON.parse(text(bytes));

  it("writes equal bytes for equal models", () => {
    assert.deepEqual(parityFolders(), { policy, reward });
  });

  it("says how a policy draws texts, and what it never draws; a reward has no such file", () => {
    const config = json(policy["generation_config.json"]);
    assert.deepEqual([config.temperature, config.top_k, config.suppress_tokens], [0.6, 0, [1, 2]]);
    assert.equal(reward["generation_config.json"], undefined);
  });

  it("pads a policy's prompts in front, a reward's texts behind", () => {
    const sides = [policy, reward].map((files) => json(files["tokenizer_config.json"]).padding_side);
    assert.deepEqual(sides, ["left", "right"]);
  });
});

describe("readModelFolder()", () => {
  const model = TINY_SHAPES.mistral, flat = tinyParameters(model);
  const source = {
    model,
    tokenizer: { tokenizerJson: "{}", tokenizerConfig: {}, eos: { id: 0 }, pad: { id: 1 }, suppressed: [1] },
    sampling: { temperature: 0.5, topK: 50, topP: 0.9, maxNewTokens: 7 },
    card: "# Model\n",
  };

  it("undoes writeModelFolder(), in one file or in shards", async () => {
    for (const maxShardBytes of [5e9, 4000]) {
      const folder = memoryFolder();
      const names = await writeModelFolder(folder, { ...source, flat }, { maxShardBytes });
      assert.deepEqual(names.toSorted(), [...folder.files.keys()].toSorted());
      const read = await readModelFolder(folder);
      assert.deepEqual([read?.model, read?.flat], [model, flat]);
      const { temperature, topK, topP, maxNewTokens, padId } = read?.generation ?? {};
      assert.deepEqual([temperature, topK, topP, maxNewTokens, padId], [0.5, 50, 0.9, 7, 1]);
      assert.equal(folder.numOpen, 0);
    }
  });

  it("rounds weights to the type that config.json names", async () => {
    const folder = memoryFolder(), rounded = flat.slice();
    roundFloats(rounded, "BF16");
    await writeModelFolder(folder, { ...source, flat, type: "BF16" });
    assert.deepEqual((await readModelFolder(folder))?.flat, rounded);
    assert.equal(JSON.parse(text(folder.files.get("config.json") ?? new Uint8Array())).dtype, "bfloat16");
  });

  it("finds no model where there is no config.json, and no generation_config.json where there is none", async () => {
    assert.equal(await readModelFolder(memoryFolder()), undefined);
    const folder = memoryFolder();
    await writeModelFolder(folder, { ...source, flat });
    folder.files.delete("generation_config.json");
    assert.equal((await readModelFolder(folder))?.generation, null);
  });

  it("names file and tensor of a weight that config.json does not describe", async () => {
    const folder = memoryFolder({}, "m");
    await writeModelFolder(folder, { ...source, flat });
    const config = JSON.parse(text(folder.files.get("config.json") ?? new Uint8Array()));
    const change = (fields: Record<string, unknown>) =>
      folder.files.set("config.json", new TextEncoder().encode(JSON.stringify({ ...config, ...fields })));
    change({ num_hidden_layers: 3 });
    await assert.rejects(
      readModelFolder(folder),
      (error) =>
        error instanceof SchemaError &&
        /^m\/model\.safetensors: .*tensor "model\.layers\.2\.input_layernorm\.weight" \[16\]/.test(
          error.message,
        ),
    );
    change({ vocab_size: 11 });
    await assert.rejects(
      readModelFolder(folder),
      /"model\.embed_tokens\.weight" must be \[11,16\], is \[9,16\]/,
    );
    folder.files.set("config.json", Uint8Array.of(0xff));
    await assert.rejects(readModelFolder(folder), /^SchemaError: m\/config\.json: Save the file as UTF-8/);
  });
});
