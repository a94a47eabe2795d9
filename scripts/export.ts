// `deno task export`: the policy and the reward of a run as Hugging Face folders, DIR/policy and DIR/reward; and DIR/adapter, the
// policy's adapter as PEFT's folder, where the run trained one.
// Writes into an empty folder, or over what an earlier export wrote, and removes nothing else.
import { join } from "node:path";
import { z } from "zod";
import { ConfigError, WriteError } from "../src/base/errors.ts";
import { tokenizerFiles } from "../src/data/tokenizer_files.ts";
import { writeAdapterFolder } from "../src/model/adapter_folder.ts";
import { encodeModel } from "../src/model/checkpoint.ts";
import { writeModelFolder } from "../src/model/huggingface_folder.ts";
import { mergedNetwork, type StoredAdapter } from "../src/model/stored_model.ts";
import { artifactDigest } from "../src/store/artifact_digest.ts";
import { folderWriter } from "../src/store/folder_files.ts";
import { type CommandLine, flag, value } from "./command_line.ts";
import { adapterCard, modelCard } from "./model_card.ts";
import { type CommandWorld, commandWorld, modelSource, runOptions } from "./model_command.ts";
import { readFolder } from "./model_folder.ts";
import { readRunModels, type RunModels, samplingOf } from "./open_model.ts";
import { runCommand } from "./run_command.ts";
import { type Environment, userPath } from "./user_environment.ts";

/** Marks a folder as an export, and says of what. */
const MARK = "export.json";

export const exportTable = {
  name: "deno task export",
  summary: "Writes a run's policy and reward as Hugging Face folders that open in transformers.",
  options: z.strictObject({
    ...runOptions,
    to: value("DIR", "folder to write: new, empty, or an earlier export"),
    base: value(
      "DIR",
      "the model that a run with adapters adapts, for DIR/adapter to name: a folder, or OWNER/NAME",
    ),
    json: flag("the written folders as one JSON object on stdout"),
  }),
  examples: ["deno task export --from demo-1 --to exported"],
};
type Options = z.output<typeof exportTable.options>;

type Head = "policy" | "reward";

export async function exportRun({ options }: CommandLine<Options>, world: CommandWorld): Promise<number> {
  if (options.from === undefined) throw new ConfigError("Give --from a run");
  if (options.to === undefined) throw new ConfigError("Give --to a folder to write");
  const run = await readRunModels(modelSource(options, world));
  const folder = userPath(options.to, world.environment);
  const adapter = await runAdapter(run, { base: options.base, environment: world.environment });
  const earlier = await checkTarget(folder);
  if (earlier) world.tell(`Takes the place of an earlier export in "${folder}"`);
  const mark = {
    run: run.run,
    iteration: run.iteration,
    policy: run.policy.digest,
    reward: run.reward?.digest ?? null,
  };
  try {
    await Deno.mkdir(folder, { recursive: true });
    // First, so that an interrupted export can be repeated.
    await Deno.writeTextFile(join(folder, MARK), `${JSON.stringify(mark, null, 2)}\n`);
    for (const head of ["policy", "reward"] as const) {
      const target = join(folder, head);
      if (earlier) await removeFolder(target);
      await exportModel(run, head, target);
    }
    if (earlier) await removeFolder(join(folder, "adapter"));
    if (adapter !== undefined) await exportAdapter(run, adapter, join(folder, "adapter"));
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new WriteError(`Make room in or give access to "${folder}": ${cause.message}`, { cause });
  }
  tell({ options, folder, run, adapter, world });
  return 0;
}

/** Whether the folder holds an earlier export; ConfigError when it holds anything else. */
async function checkTarget(folder: string): Promise<boolean> {
  let names: string[];
  try {
    names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new ConfigError(`Give --to a folder: "${folder}" is none that can be read`, { cause: error });
  }
  if (names.length === 0 || names.includes(MARK)) return names.length > 0;
  throw new ConfigError(
    `Give --to a new or empty folder: "${folder}" holds "${names.sort()[0]}" and is no export`,
  );
}

interface RunAdapter {
  stored: StoredAdapter;
  /** What it names as its base. */
  baseModel: string | null;
}

/** The policy's adapter; undefined where the policy was trained whole. ConfigError where `base` is another model. */
async function runAdapter(
  { policy: { stored }, name }: RunModels,
  { base, environment }: { base?: string; environment: Environment },
): Promise<RunAdapter | undefined> {
  if (stored.kind === "whole") {
    if (base === undefined) return undefined;
    throw new ConfigError(`Leave out --base: the policy of ${name} is no adapter`);
  }
  if (base === undefined) return { stored: stored.adapter, baseModel: null };
  const folder = userPath(base, environment), opened = await readFolder(folder);
  if (opened === undefined) {
    if (/^[\w.-]+\/[\w.-]+$/.test(base)) return { stored: stored.adapter, baseModel: base };
    throw new ConfigError(
      `Give --base a folder with config.json, or a name like OWNER/NAME: "${base}" is neither`,
    );
  }
  if (artifactDigest(encodeModel(opened.model, opened.flat)) === stored.adapter.base) {
    return { stored: stored.adapter, baseModel: folder };
  }
  throw new ConfigError(
    `Give --base the model that the run started from (of a fresh one: the policy of --iteration 0): "${folder}" is another`,
  );
}

async function exportAdapter(
  run: RunModels,
  { stored, baseModel }: RunAdapter,
  target: string,
): Promise<void> {
  await Deno.mkdir(target, { recursive: true });
  await writeAdapterFolder(folderWriter(target), stored, { flat: stored.flat, baseModel });
  await Deno.writeTextFile(join(target, "README.md"), adapterCard(run, { baseModel, type: stored.baseType }));
}

/** Writes nothing where the run has no such model: iteration 0 has no reward. */
async function exportModel(run: RunModels, head: Head, target: string): Promise<void> {
  const stored = run[head];
  if (stored === null) return;
  await Deno.mkdir(target, { recursive: true });
  await writeModelFolder(folderWriter(target), {
    ...mergedNetwork(stored.stored),
    tokenizer: tokenizerFiles(run.tokenizer),
    sampling: samplingOf(run.config),
    card: modelCard(run, head),
  });
}

/** What an export writes into a model's folder; weights are one file or shards. */
const EXPORTED =
  /^(README\.md|(config|generation_config|tokenizer|tokenizer_config|adapter_config)\.json|(adapter_)?model(-\d+-of-\d+)?\.safetensors(\.index\.json)?)$/;

/** Removes the files of an earlier export, and the folder if nothing else is in it. */
async function removeFolder(folder: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (EXPORTED.test(name)) await Deno.remove(join(folder, name));
    }
  } catch (error) {
    ignoreMissing(error);
    return;
  }
  await Deno.remove(folder).catch(() => {});
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

function tell(
  { options, folder, run, adapter, world }: {
    options: Options;
    folder: string;
    run: RunModels;
    adapter?: RunAdapter;
    world: CommandWorld;
  },
): void {
  const policy = join(folder, "policy"), reward = run.reward === null ? null : join(folder, "reward");
  const adapted = adapter === undefined ? {} : { adapter: join(folder, "adapter") };
  if (options.json) {
    world.out(JSON.stringify({ run: run.run, iteration: run.iteration, policy, reward, ...adapted }));
    return;
  }
  world.out(`Exported ${run.name}:`);
  world.out(`  ${policy}  AutoModelForCausalLM`);
  if (reward !== null) world.out(`  ${reward}  AutoModelForSequenceClassification, one label: the reward`);
  else world.tell("There is no reward: iteration 0 is supervised fine-tuning");
  if (adapter === undefined) return;
  world.out(`  ${join(folder, "adapter")}  PeftModel, on ${adapter.baseModel ?? "its base model"}`);
  if (adapter.baseModel === null) world.tell("The adapter names no base model: --base DIR would");
}

if (import.meta.main) await runCommand(exportTable, (line) => exportRun(line, commandWorld()));
