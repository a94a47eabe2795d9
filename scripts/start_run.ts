// A new run: configuration, tier and data first, so that what the user can fix is said before anything is written;
// then a folder of its own, and the two events that every run begins with.
import { join } from "node:path";
import { initialState } from "../actors/irl_coordinator.ts";
import { eventId, type RunConfig, type RunEvent } from "../events/mod.ts";
import { ConfigError, LockedError } from "../src/base/errors.ts";
import { keyFromSeed } from "../src/base/random.ts";
import type { TierName } from "../src/compute/tier.ts";
import type { OpenedLog } from "../src/store/event_log.ts";
import { openFileArtifacts } from "../src/store/file_artifacts.ts";
import { openFileLog } from "../src/store/file_log.ts";
import { runFiles } from "../src/store/run_files.ts";
import { checkRunName } from "../src/store/run_name.ts";
import { isInProcess } from "./choose_bus.ts";
import { chooseCompute, type ChosenCompute } from "./choose_compute.ts";
import { type ConductOptions, conductRun, mayFetchFor } from "./conduct_run.ts";
import { CONFIG_FIELDS, isObject, valueAt } from "./config_fields.ts";
import { type BaseModel, type DataFiles, loadData, type LoadedData, storeData } from "./load_data.ts";
import { checkMemory } from "./plan/check_memory.ts";
import { parseConfig, presetInput } from "./resolve_config.ts";
import type { RunContext } from "./run_context.ts";
import { SOFTWARE_VERSION } from "./software_version.ts";

export interface StartOptions extends ConductOptions {
  config: RunConfig;
  files: DataFiles;
  /** The model that it starts from, where there is a folder. */
  starting?: BaseModel;
  /** @default made from preset and seed */
  run?: string;
  runsFolder: string;
  /** Whether that folder is the one that commands look into by themselves. */
  isDefaultFolder: boolean;
  backend: TierName | "auto";
  threads?: number;
  /** Whether a run whose memory is not there is refused. */
  checksMemory: boolean;
}

/** Returns the exit code. */
export async function startRun(options: StartOptions, context: RunContext): Promise<number> {
  const { config } = options, { terminal } = context;
  if (options.run !== undefined) checkRunName(options.run);
  terminal.line(`Run    ${configText(config)}`);
  const data = await loadData(config, options.files, { base: options.starting });
  for (const note of data.notes) terminal.line(note);
  const compute = await chooseCompute({
    requested: options.backend,
    threads: options.threads,
    mayFetch: mayFetchFor(config, { ...options, isAskedFor: options.backend === "native" }),
    environment: context.environment,
    log: (line) => terminal.progress(line),
    devices: options.devices,
    probe: context.substitutes?.probe,
  });
  terminal.progress("");
  if (options.checksMemory) {
    const inProcess = isInProcess(options.bus, options.inProcess);
    await checkMemory(config, data, { compute, devices: options.devices, inProcess });
  }
  const claim = claimFolder(options);
  try {
    return await conductRun(
      {
        folder: claim.folder,
        label: options.isDefaultFolder ? claim.run : claim.folder,
        opened: claim.opened,
        fresh: true,
        state: initialState(),
        config,
        tier: compute.description,
        compute,
        begin: async (shell) => {
          await shell.record(await openingEvents(claim, { config, compute, data }));
        },
      },
      options,
      context,
    );
  } finally {
    // A folder in which nothing happened is in nobody's way, and none of it is missed.
    if (claim.isNew && claim.opened.log.sequence === 0) Deno.removeSync(claim.folder, { recursive: true });
  }
}

interface Claim {
  run: string;
  folder: string;
  opened: OpenedLog;
  isNew: boolean;
}

async function openingEvents(
  { run, folder }: Claim,
  { config, compute, data }: { config: RunConfig; compute: ChosenCompute; data: LoadedData },
): Promise<RunEvent[]> {
  const loaded = await storeData(data, openFileArtifacts(folder));
  const id = (step: "start" | "load") => eventId(run, { iteration: 0, step, shard: 0, chunk: 0 });
  const { name, variant, threads, engine } = compute.description;
  return [
    {
      type: "RunStarted",
      id: id("start"),
      data: {
        v: 1,
        config,
        key: keyFromSeed(config.seed),
        tier: { name, variant, threads, engine },
        software: SOFTWARE_VERSION,
      },
    },
    { type: "DemonstrationsLoaded", id: id("load"), data: loaded },
  ];
}

/** A run's folder and its log, empty and locked. */
function claimFolder({ run, config, runsFolder }: StartOptions): Claim {
  if (run !== undefined) {
    const claim = tryClaim(runsFolder, run);
    if (claim !== undefined) return claim;
    throw new ConfigError(
      `Choose another --run, or go on with that one: deno task irl --resume ${run} ("${run}" is there already)`,
    );
  }
  const name = `${config.preset}-${config.seed}`;
  for (let number = 1;; number++) {
    try {
      const claim = tryClaim(runsFolder, number === 1 ? name : `${name}-${number}`);
      if (claim !== undefined) return claim;
    } catch (error) {
      // Another process is just taking this name.
      if (!(error instanceof LockedError)) throw error;
    }
  }
}

/** Undefined when the folder holds a run, damaged or not. Throws LockedError while another process claims it. */
function tryClaim(runsFolder: string, run: string): Claim | undefined {
  const folder = join(runsFolder, run), isNew = sizeOf(folder) === undefined;
  if ((sizeOf(runFiles(folder).log) ?? 0) > 0) return undefined;
  const opened = openFileLog(folder, run);
  if (opened.records.length === 0) return { run, folder, opened, isNew };
  opened.log.close();
  return undefined;
}

function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The preset and what differs from it. */
function configText(config: RunConfig): string {
  const preset = parseConfig(presetInput(config.preset));
  const changes = CONFIG_FIELDS.flatMap(({ path }) => {
    const value = valueAt(config, path), text = JSON.stringify(value);
    const isSame = text === JSON.stringify(valueAt(preset, path));
    return path === "seed" || isSame || isObject(value) ? [] : [`${path}=${text}`];
  });
  const changed = changes.length === 0 ? "" : `, ${changes.join(" ")}`;
  return `preset ${config.preset}, seed ${config.seed}${changed}`;
}
