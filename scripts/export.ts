// `deno task export`: the policy and the reward of a run as Hugging Face folders, DIR/policy and DIR/reward.
// Writes into an empty folder, or over what an earlier export wrote, and removes nothing else.
import { join } from "node:path";
import { z } from "zod";
import { ConfigError, WriteError } from "../src/base/errors.ts";
import { SPECIAL_TOKENS } from "../src/data/tokenizer_json.ts";
import { loadTokenizer } from "../src/data/word_tokenizer.ts";
import { decodeModel } from "../src/model/checkpoint.ts";
import { huggingFaceFiles, type SpecialToken } from "../src/model/huggingface_folder.ts";
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
      const files = folderFiles(run, head), target = join(folder, head);
      if (files !== undefined) await writeFolder(target, files);
      else if (earlier) await removeFolder(target, Object.keys(folderFiles(run, "policy") ?? {}));
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

/** Undefined where the run has no such model: iteration 0 has no reward. */
function folderFiles(run: RunModels, head: Head): Record<string, Uint8Array> | undefined {
  const stored = run[head];
  if (stored === null) return undefined;
  const { model } = decodeModel(stored.weights, stored.digest);
  const { eosId, padId, unkId } = loadTokenizer(run.tokenizer);
  const [eos, pad, unk] = [eosId, padId, unkId].map((id, i): SpecialToken => ({
    id,
    token: SPECIAL_TOKENS[i],
  }));
  return huggingFaceFiles({
    model,
    weights: stored.weights,
    tokenizer: run.tokenizer,
    eos,
    pad,
    unk,
    sampling: samplingOf(run.config),
    card: modelCard(run, head),
  });
}

async function writeFolder(folder: string, files: Record<string, Uint8Array>): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await Deno.writeFile(join(folder, name), bytes);
}

/** Removes the files that an export writes, and the folder if nothing else is in it. */
async function removeFolder(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await Deno.remove(join(folder, name)).catch(ignoreMissing);
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
