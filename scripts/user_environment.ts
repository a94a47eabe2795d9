// What this process is told by its environment: where the user stands, where the cache is. Read here and nowhere else.
import { isAbsolute, join, resolve } from "node:path";
import { ConfigError } from "../src/base/errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Names the folder in the user's cache. */
const PRODUCT = "demo-to-reward";

/** Libraries and servers that were fetched; may be deleted. */
export function cacheFolder(environment: Environment): string {
  const { XDG_CACHE_HOME: cache, HOME: home, LOCALAPPDATA: local } = environment;
  if (cache !== undefined && isAbsolute(cache)) return join(cache, PRODUCT);
  if (home !== undefined && home !== "") return join(home, ".cache", PRODUCT);
  if (local !== undefined && local !== "") return join(local, PRODUCT);
  throw new ConfigError("Set HOME or XDG_CACHE_HOME: there is no place for fetched libraries");
}

/** A path of the command line, relative to where the user stands; tasks run in the project's folder. */
export function userPath(path: string, environment: Environment): string {
  return resolve(environment.INIT_CWD ?? "", path);
}

/** The folder of all runs: as given, else `runs` where the command runs. */
export function runsFolder(given: string | undefined, environment: Environment): string {
  return given === undefined ? resolve("runs") : userPath(given, environment);
}
