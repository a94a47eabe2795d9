// The run that a command names, with its verified records: for commands that only read.
import { ConfigError } from "../src/base/errors.ts";
import type { LogRecord } from "../src/store/event_log.ts";
import { readFileLog } from "../src/store/file_log.ts";
import { runFiles } from "../src/store/run_files.ts";
import { resolveRun } from "../src/store/runs_folder.ts";
import { type Environment, runsFolder, userPath } from "./user_environment.ts";

export interface ReadRun {
  folder: string;
  /** The log's file, for messages. */
  file: string;
  records: readonly LogRecord[];
  /** Bytes of an unfinished last line, which a reader leaves alone. */
  tornBytes: number;
}

/** `run` is a name in the runs folder or a path. Throws ConfigError when there is none, DamageError when it was changed. */
export function findRun(
  run: string,
  { runsDir, environment }: { runsDir?: string; environment: Environment },
): ReadRun {
  const { folder } = resolveRun(run, {
    runsFolder: runsFolder(runsDir, environment),
    workingFolder: userPath(".", environment),
  });
  const { records, tornBytes } = readFileLog(folder);
  if (records.length === 0) throw new ConfigError(`Choose another run: nothing of "${run}" is recorded`);
  return { folder, file: runFiles(folder).log, records, tornBytes };
}
