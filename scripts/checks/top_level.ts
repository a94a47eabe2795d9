// The top level of the repository is fixed: deno.json, src, actors, events, scripts, test, README.md, LICENSE, deno.lock.

const KNOWN = new Set([
  "deno.json",
  "deno.lock",
  "src",
  "actors",
  "events",
  "scripts",
  "test",
  "README.md",
  "LICENSE",
]);
/** Made by commands and ignored by git. */
const MADE = new Set(["node_modules", "runs"]);

export function topLevelViolations(names: readonly string[]): string[] {
  return names.filter((name) => !name.startsWith(".") && !KNOWN.has(name) && !MADE.has(name))
    .map((name) => `"${name}" at the top level is not part of the design; move it into a folder`);
}
