// `deno task config PRESET`: every field of a configuration with its value, unit and source, from the one schema.
import { z } from "zod";
import { type CommandTable, flag, list } from "./command_line.ts";
import { CONFIG_FIELDS, valueAt } from "./config_fields.ts";
import { resolveConfig } from "./resolve_config.ts";
import { runCommand } from "./run_command.ts";

const options = z.strictObject({
  set: list("path=value", "one field, any number of times"),
  json: flag("the configuration as JSON, which --config takes"),
});

export const configTable: CommandTable<typeof options.shape> = {
  name: "deno task config",
  summary: "Prints every field of a preset: path, value, unit, what it is and where the value comes from.",
  positionals: [{ name: "PRESET", about: "demo, e2e, own, tiny, tldr or ultrachat" }],
  options,
};

/** `policy.steps = 80 steps` and below it what it is and its source. A section that is null shows what its fields would be. */
export function configText(config: unknown): string {
  return CONFIG_FIELDS.map(({ path, about, unit, source, fallback }) => {
    const value = valueAt(config, path), section = path.replace(/\.[^.]*$/, "");
    const text = JSON.stringify(value === undefined ? fallback : value);
    const absent = value === undefined ? ` (once ${section} is set)` : "";
    return `${path} = ${text}${unit === undefined ? "" : ` ${unit}`}${absent}\n    ${about} [${source}]`;
  }).join("\n");
}

if (import.meta.main) {
  await runCommand(configTable, ({ options, positionals: [preset] }) => {
    const config = resolveConfig({ preset, set: options.set, hasData: false });
    console.log(options.json ? JSON.stringify(config, undefined, 2) : configText(config));
    return 0;
  });
}
