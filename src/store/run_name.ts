// Names of runs: safe as a folder, a URL segment and a bus subject; checked at every entry.
import { ConfigError } from "../base/errors.ts";

export const runNamePattern = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** Returns the name, or throws ConfigError. */
export function checkRunName(name: string): string {
  if (runNamePattern.test(name)) return name;
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  throw new ConfigError(
    `Choose a run name of 1 to 64 lower-case letters, digits and dashes, beginning with a letter or digit: got ${shown}`,
  );
}
