// The configuration of a new run: preset, over it --config FILE, over it --set path=value, over it --seed.
// Unknown keys are errors that name the nearest one; switches that this version cannot run are refused by name.
import { RunConfig, unbuiltSwitches } from "../events/mod.ts";
import { ConfigError } from "../src/base/errors.ts";
import { PRESETS } from "../src/irl/presets.ts";
import { checkLora } from "../src/irl/trained_model.ts";
import { modelShape } from "../src/model/checkpoint.ts";
import { CONFIG_FIELDS, isObject, pathsIn, valueAt, withValueAt } from "./config_fields.ts";
import { nearestName } from "../src/base/nearest_name.ts";

export interface ConfigSources {
  preset?: string;
  /** A JSON file that was read: its name for messages, and its text. */
  file?: { name: string; text: string };
  /** `path=value`, in their order. */
  set?: readonly string[];
  seed?: number;
  /** Whether demonstrations come from a file; without a preset that means the preset "own". */
  hasData: boolean;
  /** Fields of `model` that the folder of `--model` or `--sft` gives, over the preset's. */
  model?: Partial<RunConfig["model"]>;
}

/** Throws ConfigError. */
export function resolveConfig(sources: ConfigSources): RunConfig {
  const file = sources.file === undefined ? {} : readConfigFile(sources.file);
  const fallback = sources.hasData ? "own" : "demo";
  const preset = sources.preset ?? (typeof file.preset === "string" ? file.preset : fallback);
  let input: Record<string, unknown> = { ...presetInput(preset) };
  if (sources.model !== undefined) input = { ...input, model: { ...sources.model } };
  for (const path of pathsIn(file)) {
    const value = valueAt(file, path);
    // An empty section changes nothing but that it is there.
    if (!isObject(value) || !isObject(valueAt(input, path))) input = withValueAt(input, path, value);
  }
  for (const setting of sources.set ?? []) {
    const { path, value } = readSetting(setting);
    input = withValueAt(input, path, value);
  }
  if (sources.seed !== undefined) input = { ...input, seed: sources.seed };
  const config = parseConfig({ ...input, preset });
  const [unbuilt] = unbuiltSwitches(config);
  if (unbuilt !== undefined) throw new ConfigError(unbuilt);
  checkLora(modelShape(config.model, config.model.vocabularySize ?? 1, "policy"), config.lora);
  return config;
}

/** The partial configuration of a preset; names the nearest one when there is none. */
export function presetInput(preset: string): Record<string, unknown> {
  const found = Object.entries(PRESETS).find(([name]) => name === preset);
  if (found !== undefined) return { ...found[1] };
  const names = Object.keys(PRESETS);
  throw new ConfigError(
    `Choose the preset "${nearestName(preset, names)}", or another of ${
      names.join(", ")
    }: there is no "${preset}"`,
  );
}

/** Checked, with defaults filled in; the message names the field and what stands there. */
export function parseConfig(input: unknown): RunConfig {
  const parsed = RunConfig.safeParse(input);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  const field = CONFIG_FIELDS.find((known) => known.path === path.join("."));
  const about = field === undefined ? "" : ` (${field.about})`;
  throw new ConfigError(`Correct ${path.join(".")}${about}: ${message}`);
}

/** A JSON value where the text is one, else the text itself: `--set reward.kind=summed` needs no quotes. */
function readSetting(setting: string): { path: string; value: unknown } {
  const at = setting.indexOf("=");
  if (at <= 0) {
    throw new ConfigError(`Write --set path=value, for example --set iterations=2: got "${setting}"`);
  }
  const path = setting.slice(0, at), text = setting.slice(at + 1);
  if (path === "preset") throw new ConfigError("Use --preset to choose a preset, not --set");
  checkPath(path, "--set");
  return { path, value: jsonOrText(text) };
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readConfigFile({ name, text }: { name: string; text: string }): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`Write a JSON object into "${name}": it is not JSON (${reason})`, { cause });
  }
  if (!isObject(value)) throw new ConfigError(`Write a JSON object into "${name}": it holds something else`);
  for (const path of pathsIn(value)) {
    const isSection = isObject(valueAt(value, path)) &&
      CONFIG_FIELDS.some((field) => field.path.startsWith(`${path}.`));
    if (!isSection) checkPath(path, `"${name}"`);
  }
  return value;
}

function checkPath(path: string, where: string): void {
  const paths = CONFIG_FIELDS.map((field) => field.path);
  if (paths.includes(path)) return;
  throw new ConfigError(
    `Use "${nearestPath(path, paths)}" in ${where}, or see deno task config demo: there is no "${path}"`,
  );
}

/** Whoever writes --demonstrations means a file, and no number of rows. */
const NOT_MEANT = /^(preset$|task\.)/;

/** How fields of this name are set, e.g. of "learning-rate" or "lora.rank"; undefined where there are none. */
export function settingsNamed(option: string): string | undefined {
  const name = option.replace(/[-_](\w)/g, (_, letter: string) => letter.toUpperCase());
  const paths = CONFIG_FIELDS.map(({ path }) => path)
    .filter((path) => !NOT_MEANT.test(path) && `.${path}`.endsWith(`.${name}`));
  return paths.length === 0 ? undefined : paths.map((path) => `--set ${path}=…`).join(" or ");
}

/** A field's own name counts as much as its path, so that "stps" finds "policy.steps". */
function nearestPath(path: string, paths: readonly string[]): string | undefined {
  const byName = new Map(paths.flatMap((known) => [[known, known], [known.replace(/^.*\./, ""), known]]));
  const nearest = nearestName(path, byName.keys());
  return nearest === undefined ? undefined : byName.get(nearest);
}
