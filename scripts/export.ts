// `deno task export`: the policy and the reward of a run as Hugging Face folders, DIR/policy and DIR/reward.
// Writes into an empty folder, or over what an earlier export wrote, and removes nothing else.
import { join } from "node:path";
import { z } from "zod";
import { ConfigError, WriteError } from "../src/base/errors.ts";
import { tokenizerFiles } from "../src/data/tokenizer_files.ts";
import { decodeModel } from "../src/model/checkpoint.ts";
import { writeModelFolder } from "../src/model/huggingface_folder.ts";
import { folderWriter } from "../src/store/folder_files.ts";
import { type CommandLine, flag, value } from "./command_line.ts";
import { modelCard } from "./model_card.ts";
import { type CommandWorld, commandWorld, modelSource, runOptions } from "./model_command.ts";
import { readRunModels, type RunModels, samplingOf } from "./open_model.ts";
import { runCommand } from "./run_command.ts";
import { userPath } from "./user_environment.ts";

/** Marks a folder as an export, and says of what. */
const MARK = "export.json";

export const exportTable = {
  name: "deno task export",
  summary: "Writes a run's policy and reward as Hugging Face folders that open in transformers.",
  options: z.strictObject({
    ...runOptions,
    to: value("DIR", "folder to write: new, empty, or an earlier export"),
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
  const earlier = await checkTarget(folder);
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
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new WriteError(`Make room in or give access to "${folder}": ${cause.message}`, { cause });
  }
  tell({ options, folder, run, world });
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

/** Writes nothing where the run has no such model: iteration 0 has no reward. */
async function exportModel(run: RunModels, head: Head, target: string): Promise<void> {
  const stored = run[head];
  if (stored === null) return;
  await Deno.mkdir(target, { recursive: true });
  await writeModelFolder(folderWriter(target), {
    ...decodeModel(stored.weights, stored.digest),
    tokenizer: tokenizerFiles(run.tokenizer),
    sampling: samplingOf(run.config),
    card: modelCard(run, head),
  });
}

/** What an export writes into a model's folder; weights are one file or shards. */
const EXPORTED =
  /^(README\.md|(config|generation_config|tokenizer|tokenizer_config)\.json|model(-\d+-of-\d+)?\.safetensors(\.index\.json)?)$/;

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
  { options, folder, run, world }: { options: Options; folder: string; run: RunModels; world: CommandWorld },
): void {
  const policy = join(folder, "policy"), reward = run.reward === null ? null : join(folder, "reward");
  if (options.json) {
    world.out(JSON.stringify({ run: run.run, iteration: run.iteration, policy, reward }));
    return;
  }
  world.out(`Exported ${run.name}:`);
  world.out(`  ${policy}  AutoModelForCausalLM`);
  if (reward !== null) world.out(`  ${reward}  AutoModelForSequenceClassification, one label: the reward`);
  else world.tell("There is no reward: iteration 0 is supervised fine-tuning");
}

if (import.meta.main) await runCommand(exportTable, (line) => exportRun(line, commandWorld()));
