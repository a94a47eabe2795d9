// `deno task irl`: a run of Algorithm 1 from demonstrations to a better policy, or one that goes on where it stopped.
// Everything that touches arguments, environment and the process itself is wired here; what happens is elsewhere.
import { z } from "zod";
import { ConfigError } from "../src/base/errors.ts";
import { PRESETS } from "../src/irl/presets.ts";
import { checkStartingModel, openStartingModel } from "./base_model.ts";
import { parseDevices } from "./actor_devices.ts";
import { BUS_NAMES, isInProcess } from "./choose_bus.ts";
import { choice, type CommandTable, flag, list, value, wholeNumber } from "./command_line.ts";
import type { ConductOptions } from "./conduct_run.ts";
import { fieldsOption, parseFields } from "./data_fields.ts";
import type { DataFiles } from "./load_data.ts";
import { resolveConfig, settingsNamed } from "./resolve_config.ts";
import { resumeRun } from "./resume_run.ts";
import { runCommand } from "./run_command.ts";
import { processContext, type RunContext } from "./run_context.ts";
import { startRun } from "./start_run.ts";
import { type Environment, runsFolder, userPath } from "./user_environment.ts";

const options = z.strictObject({
  preset: value(
    Object.keys(PRESETS).join("|"),
    "where the configuration starts (default: demo; own with --data)",
  ),
  data: value("FILE", "demonstrations as JSON Lines: {prompt, completion} or {messages}"),
  "eval-data": value("FILE", "held-out demonstrations (default: some prompts of --data)"),
  fields: fieldsOption,
  preferences: value("FILE", "labelled pairs {prompt, chosen, rejected}; only the Evaluator reads them"),
  model: value("DIR", "a pretrained GPT-NeoX, Llama or Mistral model to start from: a Hugging Face folder"),
  sft: value(
    "DIR",
    "a policy that is tuned already, in place of supervised fine-tuning: a folder or an export",
  ),
  config: value("FILE", "configuration as JSON, over the preset"),
  set: list(
    "path=value",
    "one field of the configuration, any number of times (deno task config PRESET lists them)",
  ),
  seed: wholeNumber("root of every random number (default: 1)"),
  run: value("NAME", "name of the run (default: made from preset and seed)"),
  "runs-dir": value("DIR", "folder of the runs (default: runs)"),
  resume: value("RUN", "go on with this run: a name or a path; keeps its configuration, tier and threads"),
  backend: choice(["auto", "native", "webgpu", "wasm", "cpu"], "compute tier (default: the best there is)"),
  device: value(
    "N|ACTOR=N,…",
    "NVIDIA GPU of all actors, or of each: generator=0,policy-optimizer=1 (default: the first)",
  ),
  threads: wholeNumber("threads of the native and wasm tiers (default: all cores)", { min: 1, max: 1024 }),
  "no-fetch": flag("fetch no library and no server"),
  "no-memory-check": flag("start also when the estimated memory is not there (deno task plan)"),
  bus: choice(BUS_NAMES, "message bus (default: nats where a server is found, else pipe)"),
  "in-process": flag("all actors in this process"),
  port: wholeNumber("port of the status page (default: a free one)", { min: 0, max: 65535 }),
  "no-http": flag("no status page"),
  json: flag("events as JSON Lines on standard output, everything else on standard error"),
});
export type IrlOptions = z.output<typeof options>;

export const irlTable: CommandTable<typeof options.shape> = {
  name: "deno task irl",
  summary:
    "Learns a reward from demonstrations and a policy from the reward: supervised tuning, then K times generate, learn reward,\n" +
    "optimise policy, evaluate. Every run is a log that can be resumed, replayed and looked at.",
  options,
  meant: settingsNamed,
  examples: [
    "deno task irl                              the made-up task, nothing to prepare",
    "deno task irl --preset tiny                the whole loop in under a minute",
    "deno task irl --data mine.jsonl            your own demonstrations",
    "deno task irl --resume demo-1              after Ctrl-C or a crash",
  ],
};

/** Returns the exit code. */
export async function irl(given: IrlOptions, context: RunContext): Promise<number> {
  const { environment } = context;
  // Wishes that contradict each other are refused before anything is done.
  isInProcess(given.bus ?? "auto", given["in-process"]);
  const common = {
    files: dataFiles(given, environment),
    runsFolder: runsFolder(given["runs-dir"], environment),
    isDefaultFolder: given["runs-dir"] === undefined,
    backend: given.backend ?? "auto",
    threads: given.threads,
    ...conductOptions(given),
  };
  if (given.resume !== undefined) {
    refuseNewConfig(given);
    return await resumeRun({ ...common, run: given.resume }, context);
  }
  const folder = (name: string | undefined) => optionalPath(name, environment);
  const starting = await openStartingModel({ model: folder(given.model), sft: folder(given.sft) });
  const config = resolveConfig({
    preset: given.preset,
    file: given.config === undefined ? undefined : readConfig(given.config, environment),
    set: given.set,
    seed: given.seed,
    hasData: given.data !== undefined,
    model: starting?.model,
  });
  checkStartingModel(config, starting);
  const checksMemory = !given["no-memory-check"];
  return await startRun({ ...common, config, starting, run: given.run, checksMemory }, context);
}

function conductOptions(given: IrlOptions): ConductOptions {
  return {
    bus: given.bus ?? "auto",
    inProcess: given["in-process"],
    devices: given.device === undefined ? {} : parseDevices(given.device),
    mayFetch: !given["no-fetch"],
    http: given["no-http"] ? undefined : { port: given.port },
  };
}

function optionalPath(name: string | undefined, environment: Environment): string | undefined {
  return name === undefined ? undefined : userPath(name, environment);
}

function dataFiles(given: IrlOptions, environment: Environment): DataFiles {
  const path = (name: string | undefined) => optionalPath(name, environment);
  return {
    data: path(given.data),
    evaluationData: path(given["eval-data"]),
    preferences: path(given.preferences),
    fields: parseFields(given.fields),
  };
}

function readConfig(name: string, environment: Environment): { name: string; text: string } {
  try {
    return { name, text: Deno.readTextFileSync(userPath(name, environment)) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`Give --config a file that can be read: "${name}": ${reason}`, { cause });
  }
}

/** A resumed run keeps what it was started with. Data files are for a run that stopped before it had read them. */
function refuseNewConfig(given: IrlOptions): void {
  for (const name of ["preset", "config", "seed", "run", "model"] as const) {
    if (given[name] !== undefined) throw keptConfig(name);
  }
  if (given.set.length > 0) throw keptConfig("set");
}

function keptConfig(name: string): ConfigError {
  return new ConfigError(
    `Leave out --${name}, or start a new run: a resumed run keeps what it was started with`,
  );
}

if (import.meta.main) {
  await runCommand(irlTable, ({ options }) => irl(options, processContext({ json: options.json })));
}
