// Finding runs: the list of a runs folder, and what a person means by `<run>`: a name in it, or a path to a run's folder.
// A folder may be renamed or copied; which run it holds is in the first record of its log.
import { join, resolve } from "node:path";
import { ConfigError, DamageError, SchemaError } from "../base/errors.ts";
import { maxLineBytes, scanLog } from "./log_codec.ts";
import { readBytes } from "./read_bytes.ts";
import { runFiles } from "./run_files.ts";
import { runNamePattern } from "./run_name.ts";

export interface FoundRun {
  folder: string;
  /** The run's id; undefined when nothing is recorded yet. */
  run?: string;
}

export interface ListedRun extends FoundRun {
  /** Of the folder, in the runs folder. */
  name: string;
  /** Why the id cannot be read: damage, or a newer version. */
  problem?: DamageError | SchemaError;
}

/** The run folders, by name; empty when there is no such folder. One damaged run does not hide the others. */
export function listRuns(runsFolder: string): ListedRun[] {
  return runNames(runsFolder).map((name) => {
    const folder = join(runsFolder, name);
    try {
      return { name, folder, run: readRunId(folder) };
    } catch (problem) {
      if (problem instanceof DamageError || problem instanceof SchemaError) return { name, folder, problem };
      throw problem;
    }
  });
}

/** Finds the folder of `<run>`; a path is relative to `workingFolder`. Throws ConfigError when there is none. */
export function resolveRun(
  nameOrPath: string,
  options: { runsFolder: string; workingFolder: string },
): FoundRun {
  const named = join(options.runsFolder, nameOrPath);
  if (runNamePattern.test(nameOrPath) && isFolder(named)) return { folder: named, run: readRunId(named) };
  const folder = resolve(options.workingFolder, nameOrPath);
  const files = runFiles(folder);
  if (nameOrPath !== "" && (isFile(files.log) || isFile(files.lock))) {
    return { folder, run: readRunId(folder) };
  }
  throw new ConfigError(
    `Give the name of a run or the path of its folder: "${nameOrPath}" is neither; ${
      knownRuns(options.runsFolder)
    }`,
  );
}

/** The run id in the first record; undefined when there is no complete record yet. */
export function readRunId(folder: string): string | undefined {
  const path = runFiles(folder).log;
  const start = readBytes(path, { limit: maxLineBytes })?.bytes ?? new Uint8Array();
  const firstEnd = start.indexOf(10);
  return scanLog(firstEnd < 0 ? start : start.subarray(0, firstEnd + 1), path).records.at(0)?.run;
}

function runNames(runsFolder: string): string[] {
  if (!isFolder(runsFolder)) return [];
  return Array.from(Deno.readDirSync(runsFolder), (entry) => entry.name)
    .filter((name) => runNamePattern.test(name) && isFolder(join(runsFolder, name)))
    .sort();
}

function knownRuns(runsFolder: string): string {
  const names = runNames(runsFolder);
  if (names.length === 0) return `there are no runs in "${runsFolder}"`;
  return `runs in "${runsFolder}": ${names.slice(-5).join(", ")}${
    names.length > 5 ? ` and ${names.length - 5} more` : ""
  }`;
}

function isFolder(path: string): boolean {
  return statOrUndefined(path)?.isDirectory ?? false;
}

function isFile(path: string): boolean {
  return statOrUndefined(path)?.isFile ?? false;
}

/** Follows links. Undefined also for paths that no file system takes (with a NUL, too long, through a file). */
function statOrUndefined(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}
