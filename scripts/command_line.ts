// One table per command: options as zod schemas, from which parsing, --help and messages about mistakes are made.
// Left out: sub-commands; every command is a task of its own.
import { parseArgs } from "node:util";
import { z } from "zod";
import { ConfigError } from "../src/base/errors.ts";
import { editDistance, nearestName } from "../src/base/nearest_name.ts";

interface OptionNotes {
  kind: "flag" | "value" | "list";
  about: string;
  /** What stands behind the option in its usage, e.g. "FILE". */
  argument?: string;
}

export interface CommandTable<Shape extends z.ZodRawShape> {
  /** As typed: "deno task irl". */
  name: string;
  summary: string;
  /** What stands without a dash, in its order. */
  positionals?: readonly { name: string; about: string; optional?: true }[];
  options: z.ZodObject<Shape>;
  examples?: readonly string[];
  /** What to write in place of an option that is none, where something else than an option is meant. */
  meant?: (option: string) => string | undefined;
}

export interface CommandLine<Options> {
  options: Options;
  positionals: string[];
}

/** `--name` */
export function flag(about: string) {
  return noted(z.boolean().default(false), { kind: "flag", about });
}

/** `--name VALUE`, optional. */
export function value(argument: string, about: string) {
  return noted(z.string().optional(), { kind: "value", about, argument });
}

/** `--name VALUE` any number of times. */
export function list(argument: string, about: string) {
  return noted(z.array(z.string()).default([]), { kind: "list", about, argument });
}

/** `--name a|b|c`, optional. */
export function choice<const Names extends readonly [string, ...string[]]>(names: Names, about: string) {
  return noted(z.enum(names).optional(), { kind: "value", about, argument: names.join("|") });
}

/** `--name N`, a whole number in a range, optional. */
export function wholeNumber(about: string, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}) {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  const schema = z.string().transform((text, context) => {
    const number = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (number >= min && number <= max) return number;
    context.addIssue({ code: "custom", message: `a whole number ${range}` });
    return z.NEVER;
  });
  return noted(schema.optional(), { kind: "value", about, argument: "N" });
}

/** The command line as the table describes it, or undefined when it asks for help. Throws ConfigError. */
export function parseCommandLine<Shape extends z.ZodRawShape>(
  table: CommandTable<Shape>,
  args: readonly string[],
): CommandLine<z.output<z.ZodObject<Shape>>> | undefined {
  const notes = optionNotes(table);
  // Some runners pass the "--" on that was meant for them.
  const { tokens } = parseArgs({
    args: args[0] === "--" ? args.slice(1) : [...args],
    options: Object.fromEntries([...notes].map(([name, { kind }]) => [name, parseArgsOption(name, kind)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given: Record<string, unknown> = {}, positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    if (token.rawName === "--help" || token.rawName === "-h") return undefined;
    addOption(given, token, { table, notes });
  }
  return { options: checkOptions(table, given), positionals: checkPositionals(table, positionals) };
}

/** What `--help` prints. */
export function helpText<Shape extends z.ZodRawShape>(table: CommandTable<Shape>): string {
  const notes = optionNotes(table);
  const places = (table.positionals ?? []).map(({ name, about, optional }) =>
    [optional ? `[${name}]` : name, about] as const
  );
  const rows = [
    ...places,
    ...[...notes].map(([name, { argument, about }]) =>
      [argument === undefined ? spelled(name) : `${spelled(name)} ${argument}`, about] as const
    ),
    ["--help", "this text"] as const,
  ];
  const width = Math.min(34, Math.max(...rows.map(([left]) => left.length)) + 2);
  return [
    `${table.name}${places.map(([left]) => ` ${left}`).join("")}${notes.size > 0 ? " [options]" : ""}`,
    "",
    table.summary,
    "",
    ...rows.map(([left, about]) =>
      left.length + 2 > width
        ? `  ${left}\n  ${" ".repeat(width)}${about}`
        : `  ${left.padEnd(width)}${about}`
    ),
    ...(table.examples === undefined ? [] : ["", ...table.examples.map((example) => `  ${example}`)]),
  ].join("\n");
}

type Notes = ReadonlyMap<string, OptionNotes>;
type OptionToken = { name: string; rawName: string; value?: string; inlineValue?: boolean };

/** Notes of option schemas; a registry of its own, because zod's global one is for the configuration's fields. */
const registry = z.registry<OptionNotes>();

function noted<Schema extends z.ZodType>(schema: Schema, notes: OptionNotes): Schema {
  registry.add(schema, notes);
  return schema;
}

function optionNotes<Shape extends z.ZodRawShape>({ options }: CommandTable<Shape>): Notes {
  return new Map(
    Object.entries(options.shape).map(([name, schema]) => {
      const notes = registry.get(schema);
      if (notes === undefined) throw new Error(`Describe option "${name}" with flag, value, list or choice`);
      return [name, notes];
    }),
  );
}

function parseArgsOption(name: string, kind: OptionNotes["kind"]) {
  const type = kind === "flag" ? "boolean" as const : "string" as const;
  return { type, multiple: kind === "list", ...(name.length === 1 ? { short: name } : {}) };
}

/** As typed: an option named by one letter has one dash. */
function spelled(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

function addOption<Shape extends z.ZodRawShape>(
  given: Record<string, unknown>,
  token: OptionToken,
  { table, notes }: { table: CommandTable<Shape>; notes: Notes },
): void {
  const option = notes.get(token.name);
  if (option === undefined || (token.name.length > 1 && !token.rawName.startsWith("--"))) {
    const meant = table.meant?.(token.name) ?? nearOption(token.name, [...notes.keys(), "help"]);
    throw new ConfigError(
      `${
        meant === undefined ? "See" : `Use ${meant}, or see`
      } ${table.name} --help: there is no ${token.rawName}`,
    );
  }
  const { kind, argument } = option;
  if (kind === "flag") {
    if (token.value !== undefined) throw new ConfigError(`Write ${token.rawName} alone: it takes no value`);
    given[token.name] = true;
    return;
  }
  const isNext = token.value !== undefined && token.inlineValue !== true && /^--?\D/.test(token.value);
  if (token.value === undefined || isNext) {
    throw new ConfigError(`Give ${token.rawName} a value: ${token.rawName} ${argument}`);
  }
  const known = given[token.name];
  given[token.name] = kind === "list" ? [...(Array.isArray(known) ? known : []), token.value] : token.value;
}

/** The one option that begins so, else the one of the nearest name, unless more than half of its letters are others. */
function nearOption(name: string, known: readonly string[]): string | undefined {
  const longer = known.filter((option) => option.startsWith(name));
  if (longer.length === 1) return spelled(longer[0]);
  const nearest = nearestName(name, known);
  const isNear = nearest !== undefined && editDistance(name, nearest) <= name.length / 2;
  return isNear ? spelled(nearest) : undefined;
}

function checkOptions<Shape extends z.ZodRawShape>(
  table: CommandTable<Shape>,
  given: Record<string, unknown>,
): z.output<z.ZodObject<Shape>> {
  const parsed = table.options.safeParse(given);
  if (parsed.success) return parsed.data;
  const [{ path, message, code }] = parsed.error.issues;
  const name = String(path[0]);
  const argument = optionNotes(table).get(name)?.argument ?? "";
  const wanted = code === "custom" ? message : `one of ${argument.split("|").join(", ")}`;
  throw new ConfigError(`Give ${spelled(name)} ${wanted}: got "${given[name]}"`);
}

function checkPositionals<Shape extends z.ZodRawShape>(
  table: CommandTable<Shape>,
  positionals: string[],
): string[] {
  const wanted = table.positionals ?? [];
  const missing = wanted.find(({ optional }, i) => optional === undefined && positionals[i] === undefined);
  if (missing !== undefined) throw new ConfigError(`Give ${missing.name}: ${table.name} ${missing.name}`);
  if (positionals.length > wanted.length) {
    throw new ConfigError(
      `Leave out "${positionals[wanted.length]}", or see ${table.name} --help: nothing is expected there`,
    );
  }
  return positionals;
}
