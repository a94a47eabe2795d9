// Opens what `generate`, `score` and `export` work on: the models of a run's completed iteration, or Hugging Face folders,
// a published checkpoint or what `export` wrote. Reads only.
import { join, resolve } from "node:path";
import { type EventData, readEvent, RunConfig } from "../events/mod.ts";
import { ConfigError, SchemaError } from "../src/base/errors.ts";
import { type ChatFormat, chatFormat } from "../src/data/chat_format.ts";
import { loadTokenizer } from "../src/data/load_tokenizer.ts";
import type { Tokenizer } from "../src/data/tokenizer.ts";
import type { GenerationConfig } from "../src/model/generation_config.ts";
import { mergedNetwork, type Network, readStoredModel, type StoredModel } from "../src/model/stored_model.ts";
import { readFileArtifacts } from "../src/store/file_artifacts.ts";
import { readFileLog } from "../src/store/file_log.ts";
import { runFiles } from "../src/store/run_files.ts";
import { resolveRun } from "../src/store/runs_folder.ts";
import { readFolder } from "./model_folder.ts";

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

export interface OpenedModels {
  /** For people: `run "demo-1", iteration 3`. */
  name: string;
  tokenizer: Tokenizer;
  /** How conversations become texts. */
  chat: ChatFormat;
  policy?: Network;
  /** In the reward's own unit. */
  reward?: Network;
  /** How the policy draws texts unless somebody asks otherwise. */
  sampling: Sampling;
}

interface Sampling {
  temperature: number;
  /** 0: all tokens. */
  topK: number;
  /** 1: all tokens. */
  topP: number;
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
    chat: chatFormat(run.tokenizer, run.name),
    policy: mergedNetwork(run.policy.stored),
    reward: run.reward === null ? undefined : mergedNetwork(run.reward.stored),
    sampling: samplingOf(run.config),
  };
}

/** The rollouts' temperature is the one that the policy was optimised at. */
export function samplingOf({ policy, evaluation }: RunConfig): Sampling {
  return { temperature: policy.temperature, topK: 0, topP: 1, maxNewTokens: evaluation.maxNewTokens };
}

interface RunModel {
  digest: string;
  stored: StoredModel;
}

export interface RunModels {
  /** For people. */
  name: string;
  run: string;
  config: RunConfig;
  iteration: number;
  /** Text of `tokenizer.json`. */
  tokenizer: string;
  policy: RunModel;
  /** null in iteration 0, which is supervised fine-tuning. */
  reward: RunModel | null;
}

/** What a run has recorded: artifacts are verified against their digests. */
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
  const stored = async (digest: string) => ({ digest, stored: await readStoredModel(artifacts, digest) });
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
  const single = await openSingle(folder);
  if (single !== undefined) return { name: `"${folder}"`, ...single };
  const policy = await openSingle(join(folder, "policy")), reward = await openSingle(join(folder, "reward"));
  const first = policy ?? reward;
  if (first === undefined) {
    throw new ConfigError(
      `Give --model a folder with config.json or adapter_config.json, or one with such folders "policy" and "reward": ` +
        `"${folder}" has neither`,
    );
  }
  return { ...first, name: `"${folder}"`, policy: policy?.policy, reward: reward?.reward };
}

/** Undefined when the folder holds no model. */
async function openSingle(folder: string): Promise<Omit<OpenedModels, "name"> | undefined> {
  const opened = await readFolder(folder);
  if (opened === undefined) return undefined;
  const { model, flat, generation } = opened;
  const common = {
    tokenizer: loadTokenizer(opened.tokenizer),
    chat: chatFormat(opened.tokenizer, folder),
    sampling: folderSampling(generation),
  };
  return model.head === "policy"
    ? { ...common, policy: { model, flat } }
    : { ...common, reward: { model, flat } };
}

function folderSampling(generation: GenerationConfig | null): Sampling {
  const defaults = samplingOf(RunConfig.parse({}));
  return {
    temperature: generation?.temperature ?? 1,
    topK: generation?.topK ?? 0,
    topP: generation?.topP ?? 1,
    maxNewTokens: generation?.maxNewTokens ?? defaults.maxNewTokens,
  };
}
