// A run that goes on: its log verified and folded, its tier found again, its artifacts whole; then RunResumed and the work.
import { basename, dirname } from "node:path";
import { evolve, incidentId, outstanding, type State, stateName } from "../actors/irl_coordinator.ts";
import { eventId, RunConfig, type TierRecord, unbuiltSwitches } from "../events/mod.ts";
import { ConfigError, NothingToResumeError } from "../src/base/errors.ts";
import type { TierName } from "../src/compute/tier.ts";
import { openFileArtifacts } from "../src/store/file_artifacts.ts";
import { openFileLog, readFileLog } from "../src/store/file_log.ts";
import { runFiles } from "../src/store/run_files.ts";
import { resolveRun } from "../src/store/runs_folder.ts";
import { recordedCompute } from "./choose_compute.ts";
import { type ConductOptions, conductRun, mayFetchFor } from "./conduct_run.ts";
import { type DataFiles, loadData, storeData } from "./load_data.ts";
import { replayRun } from "./replay_run.ts";
import type { RunContext } from "./run_context.ts";
import { runReport } from "./run_report.ts";
import { SOFTWARE_VERSION } from "./software_version.ts";
import { userPath } from "./user_environment.ts";

export interface ResumeOptions extends ConductOptions {
  /** A name in the runs folder or a path. */
  run: string;
  runsFolder: string;
  isDefaultFolder: boolean;
  backend: TierName | "auto";
  threads?: number;
  /** Read only by a run that stopped before its data were loaded. */
  files: DataFiles;
}

/** Returns the exit code. A run that is done prints its report. */
export async function resumeRun(options: ResumeOptions, context: RunContext): Promise<number> {
  const { terminal, environment } = context;
  const found = resolveRun(options.run, {
    runsFolder: options.runsFolder,
    workingFolder: userPath(".", environment),
  });
  const { folder, run } = found, file = runFiles(folder).log;
  const label = options.isDefaultFolder && dirname(folder) === options.runsFolder ? basename(folder) : folder;
  const before = readFileLog(folder).records;
  if (run === undefined || before.length === 0) {
    throw new NothingToResumeError(`Start again: nothing of the run in "${folder}" is recorded`);
  }
  const { state: stood } = replayRun(before, { file });
  if (stood.context.loaded !== null) refuseDataFiles(options.files);
  if (stateName(stood) === "done") {
    terminal.line(runReport(before).text);
    return 0;
  }
  const opened = openFileLog(folder, run);
  try {
    const { state } = replayRun(opened.records, { file });
    const { config, tier } = recordedStart(state);
    if (opened.repairedBytes > 0) {
      terminal.line(`Log    repaired: ${opened.repairedBytes} bytes of an unfinished last line were cut off`);
    }
    terminal.line(`Run    ${label}: goes on after event ${opened.log.sequence}`);
    const compute = await recordedCompute(tier, {
      requested: options.backend,
      threads: options.threads,
      mayFetch: mayFetchFor(config, { ...options, isAskedFor: options.backend === "native" }),
      environment,
      log: (line) => terminal.progress(line),
      devices: options.devices,
      probe: context.substitutes?.probe,
    });
    terminal.progress("");
    const data = stateName(state) === "idle" || state.context.loaded !== null
      ? undefined
      : await loadData(config, options.files);
    await checkArtifacts(folder, state, run);
    return await conductRun(
      {
        folder,
        label,
        opened,
        fresh: false,
        state,
        config,
        tier,
        compute,
        async begin(shell) {
          await shell.resume(SOFTWARE_VERSION);
          if (data === undefined) return;
          const loaded = await storeData(data, openFileArtifacts(folder));
          const id = eventId(run, { iteration: 0, step: "load", shard: 0, chunk: 0 });
          await shell.record([{ type: "DemonstrationsLoaded", id, data: loaded }]);
        },
      },
      options,
      context,
    );
  } finally {
    opened.log.close();
  }
}

/** Files that would be ignored are refused. */
function refuseDataFiles({ data, evaluationData, fields, preferences }: DataFiles): void {
  const given = {
    "data": data !== undefined,
    "eval-data": evaluationData !== undefined,
    "fields": Object.keys(fields).length > 0,
    "preferences": preferences !== undefined,
  };
  for (const [name, isGiven] of Object.entries(given)) {
    if (!isGiven) continue;
    throw new ConfigError(`Leave out --${name}, or start a new run: the data of this run are recorded`);
  }
}

/** The configuration with today's defaults filled in, and the tier that the numbers depend on. */
function recordedStart(state: State): { config: RunConfig; tier: TierRecord } {
  const started = state.context.started;
  if (started === null) throw new NothingToResumeError("Start again: the log does not begin with RunStarted");
  const config = RunConfig.parse(started.config);
  const [unbuilt] = unbuiltSwitches(config);
  if (unbuilt !== undefined) throw new ConfigError(`${unbuilt}; resume it with the version that started it`);
  return { config, tier: started.tier };
}

/** Reads every artifact that the next commands need; throws DamageError on a missing or changed one. */
async function checkArtifacts(folder: string, state: State, run: string): Promise<void> {
  const data = { v: 1, software: SOFTWARE_VERSION } as const;
  const resumed = evolve(state, { type: "RunResumed", id: incidentId(state, "resume"), data, run });
  const artifacts = openFileArtifacts(folder);
  const digests = JSON.stringify(outstanding(resumed)).match(/sha256:[0-9a-f]{64}/g) ?? [];
  for (const digest of new Set(digests)) await artifacts.get(digest);
}
