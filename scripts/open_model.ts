// Opens what `generate`, `score` and `export` work on: the models of a run's completed iteration, or Hugging Face folders
// that `export` wrote. Reads only.
import { join, resolve } from "node:path";
import { z } from "zod";
import { type EventData, readEvent, RunConfig } from "../events/mod.ts";
import { ConfigError, SchemaError } from "../src/base/errors.ts";
import { loadTokenizer, type WordTokenizer } from "../src/data/word_tokenizer.ts";
import { decodeModel } from "../src/model/checkpoint.ts";
import { readHuggingFaceModel } from "../src/model/huggingface_folder.ts";
import type { ModelShape } from "../src/model/model_shape.ts";
import { readFileArtifacts } from "../src/store/file_artifacts.ts";
import { readFileLog } from "../src/store/file_log.ts";
import { runFiles } from "../src/store/run_files.ts";
import { resolveRun } from "../src/store/runs_folder.ts";

export interface ModelSource {
  /** A run's name, or the path of its folder. */
  from?: string;
  /** A Hugging Face folder, or an export's folder of two. */
  model?: string;
  /** Of the run. @default the last completed one */
  iteration?: number;
  runsFolder: string;
  /** Paths are relative to it. */
  workingFolder: string;
}

export interface LoadedModel {
  model: ModelShape;
  flat: Float32Array;
}

export interface OpenedModels {
  /** For people: `run "demo-1", iteration 3`. */
  name: string;
  tokenizer: WordTokenizer;
  policy?: LoadedModel;
  /** In the reward's own unit. */
  reward?: LoadedModel;
  /** How the policy draws texts unless somebody asks otherwise. */
  sampling: Sampling;
}

interface Sampling {
  temperature: number;
  maxNewTokens: number;
}

export async function openModels(source: ModelSource): Promise<OpenedModels> {
  if ((source.from === undefined) === (source.model === undefined)) {
    throw new ConfigError("Give either --from <run> or --model DIR");
  }
  if (source.model !== undefined) {
    if (source.iteration !== undefined) throw new ConfigError("Give --iteration with --from only");
    return await openFolder(resolve(source.workingFolder, source.model));
  }
  const run = await readRunModels(source);
  return {
    name: run.name,
    tokenizer: loadTokenizer(run.tokenizer),
    policy: decodeModel(run.policy.weights, run.policy.digest),
    reward: run.reward === null ? undefined : decodeModel(run.reward.weights, run.reward.digest),
    sampling: samplingOf(run.config),
  };
}

/** The rollouts' temperature is the one that the policy was optimised at. */
export function samplingOf({ policy, evaluation }: RunConfig): Sampling {
  return { temperature: policy.temperature, maxNewTokens: evaluation.maxNewTokens };
}

interface StoredModel {
  digest: string;
  /** Bytes of `model.safetensors`. */
  weights: Uint8Array;
}

export interface RunModels {
  /** For people. */
  name: string;
  run: string;
  config: RunConfig;
  iteration: number;
  /** Text of `tokenizer.json`. */
  tokenizer: string;
  policy: StoredModel;
  /** null in iteration 0, which is supervised fine-tuning. */
  reward: StoredModel | null;
}

/** What a run has recorded, as files' contents: artifacts are verified against their digests. */
export async function readRunModels(
  { from = "", iteration, runsFolder, workingFolder }: ModelSource,
): Promise<RunModels> {
  const { folder } = resolveRun(from, { runsFolder, workingFolder });
  const { run, config, tokenizer, completed } = readCompleted(folder);
  const wanted = iteration === undefined
    ? completed.at(-1)
    : completed.find((event) => event.iteration === iteration);
  if (wanted === undefined || config === undefined || tokenizer === undefined) {
    throw new ConfigError(
      completed.length === 0
        ? `Wait until run "${from}" has completed an iteration: it has none yet`
        : `Choose an --iteration from 0 to ${completed.length - 1}: run "${from}" has completed no other`,
    );
  }
  const artifacts = readFileArtifacts(folder);
  const stored = async (digest: string) => ({ digest, weights: await artifacts.get(digest) });
  return {
    name: `run "${run}", iteration ${wanted.iteration}`,
    run,
    config,
    iteration: wanted.iteration,
    tokenizer: new TextDecoder().decode(await artifacts.get(tokenizer)),
    policy: await stored(wanted.policy),
    reward: wanted.reward === null ? null : await stored(wanted.reward),
  };
}

interface CompletedIterations {
  run: string;
  config?: RunConfig;
  /** Digest of the tokenizer. */
  tokenizer?: string;
  completed: EventData<"IterationCompleted">[];
}

function readCompleted(folder: string): CompletedIterations {
  const { records } = readFileLog(folder), file = runFiles(folder).log;
  const found: CompletedIterations = { run: records.at(0)?.run ?? "", completed: [] };
  for (const record of records) {
    const reading = readEvent(record);
    if ("problem" in reading) throw new SchemaError(reading.problem, { file, line: record.seq });
    const { type, data } = reading.value;
    if (type === "RunStarted") found.config = RunConfig.parse(data.config);
    if (type === "DemonstrationsLoaded") found.tokenizer = data.tokenizer;
    if (type === "IterationCompleted") found.completed.push(data);
  }
  return found;
}

/** One Hugging Face folder of ours, or the folder that holds a policy's and a reward's. */
async function openFolder(folder: string): Promise<OpenedModels> {
  const single = await readFolder(folder);
  if (single !== undefined) return { name: `"${folder}"`, ...single };
  const policy = await readFolder(join(folder, "policy")), reward = await readFolder(join(folder, "reward"));
  const first = policy ?? reward;
  if (first === undefined) {
    throw new ConfigError(
      `Give --model a folder with config.json, or one with such folders "policy" and "reward": "${folder}" has neither`,
    );
  }
  return { ...first, name: `"${folder}"`, policy: policy?.policy, reward: reward?.reward };
}

const generationConfigSchema = z.looseObject({
  temperature: z.number().positive().optional(),
  max_new_tokens: z.int().positive().optional(),
});

/** Undefined when the folder holds no model. */
async function readFolder(folder: string): Promise<Omit<OpenedModels, "name"> | undefined> {
  const config = await readText(join(folder, "config.json"));
  if (config === undefined) return undefined;
  const weights = await Deno.readFile(join(folder, "model.safetensors")).catch((cause) => {
    throw new ConfigError(`Complete the folder "${folder}": its model.safetensors cannot be read`, { cause });
  });
  const loaded = readHuggingFaceModel({ config, weights }, folder);
  const tokenizerJson = await readText(join(folder, "tokenizer.json"));
  if (tokenizerJson === undefined) {
    throw new ConfigError(`Complete the folder "${folder}": it lacks tokenizer.json`);
  }
  const tokenizer = loadTokenizer(tokenizerJson);
  if (tokenizer.vocabularySize !== loaded.model.vocabularySize) {
    throw new ConfigError(
      `Put the model's own tokenizer.json into "${folder}": it has ${tokenizer.vocabularySize} tokens, ` +
        `the model ${loaded.model.vocabularySize}`,
    );
  }
  const sampling = await readSampling(join(folder, "generation_config.json"));
  return loaded.model.head === "policy"
    ? { tokenizer, policy: loaded, sampling }
    : { tokenizer, reward: loaded, sampling };
}

async function readSampling(file: string): Promise<Sampling> {
  const text = await readText(file);
  const defaults = samplingOf(RunConfig.parse({}));
  if (text === undefined) return defaults;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SchemaError("Write the file again: it is not JSON", { file, cause });
  }
  const parsed = generationConfigSchema.safeParse(value);
  if (!parsed.success) throw new SchemaError(z.prettifyError(parsed.error), { file });
  return {
    temperature: parsed.data.temperature ?? defaults.temperature,
    maxNewTokens: parsed.data.max_new_tokens ?? defaults.maxNewTokens,
  };
}

/** Undefined when there is no such file. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}
