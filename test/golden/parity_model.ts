// The tiny made-up model of the Hugging Face parity fixture: every weight comes from one key, so nothing large is kept.
// As a program: writes its two folders, for make_huggingface_parity.py. `deno run -A test/golden/parity_model.ts DIR`
import { join } from "node:path";
import { keyFromSeed, normals, splitKey } from "../../src/base/random.ts";
import { buildTokenizer } from "../../src/data/tokenizer_json.ts";
import { loadTokenizer } from "../../src/data/load_tokenizer.ts";
import { tokenizerFiles } from "../../src/data/tokenizer_files.ts";
import { encodeModel } from "../../src/model/checkpoint.ts";
import { describingFiles } from "../../src/model/huggingface_folder.ts";
import { initialParameters, rewardFromPolicy } from "../../src/model/initial_parameters.ts";
import type { ModelShape } from "../../src/model/model_shape.ts";
import { normalisedReward } from "../../src/model/reward_model.ts";

const KEY = keyFromSeed(2024);

/** Texts that the tokenizer is built from. */
const DEMONSTRATIONS = [
  {
    prompt: "name[Blue Lamp], food[soup], area[old town]",
    completion: "Blue Lamp serves soup in the old town.",
  },
  { prompt: "name[Café Noir], food[bread]", completion: "At Café Noir you can't get anything but bread." },
  {
    prompt: "name[Blue Lamp], price[£5-10]",
    completion: "The Blue Lamp asks for £5-10, and it's worth it!",
  },
];

/** Texts to encode: prompts, completions, and words that the vocabulary lacks. */
export const PARITY_TEXTS = [
  ...DEMONSTRATIONS.flatMap(({ prompt, completion }) => [prompt, completion]),
  "name[Blue Lamp], food[bread], price[£5-10]",
  "Café Noir serves  zebra soup\nin the old town?",
];

export interface ParityModel {
  tokenizer: string;
  policy: { model: ModelShape; flat: Float32Array };
  /** Already in its unit: scale 0.6, shift 0.3. */
  reward: { model: ModelShape; flat: Float32Array };
}

export function parityModel(): ParityModel {
  const tokenizer = buildTokenizer({ demonstrations: DEMONSTRATIONS, prompts: [], minCount: 1 });
  const model: ModelShape = {
    architecture: "gpt_neox",
    numKeyValueHeads: 2,
    headSize: 16,
    rotaryBase: 10_000,
    normEpsilon: 1e-5,
    parallelResidual: true,
    tiedEmbeddings: true,
    slidingWindow: null,
    vocabularySize: loadTokenizer(tokenizer).vocabularySize,
    hiddenSize: 32,
    numLayers: 2,
    numHeads: 2,
    intermediateSize: 48,
    rotaryShare: 0.25,
    maxPositions: 32,
    head: "policy",
  };
  const flat = initialParameters(model, 0.2, KEY);
  // Norms start as ones and biases as zeros; here each must matter.
  const noise = normals(splitKey(KEY, "noise"), flat.length);
  for (let i = 0; i < flat.length; i++) flat[i] += 0.05 * noise[i];
  const rewardModel: ModelShape = { ...model, head: "reward" };
  const raw = rewardFromPolicy(flat, model, { key: splitKey(KEY, "head") });
  const reward = normalisedReward(rewardModel, raw, { scale: 0.6, shift: 0.3 }).flat;
  return { tokenizer, policy: { model, flat }, reward: { model: rewardModel, flat: reward } };
}

/** The files of both folders. */
export function parityFolders(): Record<"policy" | "reward", Record<string, Uint8Array>> {
  const { tokenizer, policy, reward } = parityModel();
  const files = ({ model, flat }: ParityModel["policy"]) => {
    const texts = describingFiles({
      model,
      tokenizer: tokenizerFiles(tokenizer),
      sampling: { temperature: 0.6, topK: 0, topP: 1, maxNewTokens: 12 },
      card: "# Parity fixture\n",
    });
    const encoded = Object.entries(texts).map(([name, text]) => [name, new TextEncoder().encode(text)]);
    return { ...Object.fromEntries(encoded), "model.safetensors": encodeModel(model, flat) };
  };
  return { policy: files(policy), reward: files(reward) };
}

if (import.meta.main) {
  for (const [name, files] of Object.entries(parityFolders())) {
    const folder = join(Deno.args[0], name);
    Deno.mkdirSync(folder, { recursive: true });
    for (const [file, bytes] of Object.entries(files)) Deno.writeFileSync(join(folder, file), bytes);
  }
  Deno.writeTextFileSync(join(Deno.args[0], "texts.json"), JSON.stringify(PARITY_TEXTS));
}
