// Every field of a run's configuration as a list of paths, read from the one schema: for --set, its messages and `config`.
// A section that may be null is a field of its own, before its fields.
import { z } from "zod";
import { RunConfig } from "../events/mod.ts";

export interface ConfigField {
  /** Dotted, as --set takes it. */
  path: string;
  about: string;
  unit?: string;
  source: string;
  /** Its value once its section is there; only in a section that may be null. */
  fallback?: unknown;
}

const Notes = z.object({ about: z.string(), unit: z.string().optional(), source: z.string() });

/** In the schema's order. */
export const CONFIG_FIELDS: readonly ConfigField[] = fieldsOf(RunConfig, "");

/** The value at a path of a configuration, or undefined. */
export function valueAt(config: unknown, path: string): unknown {
  return path.split(".").reduce((value, key) => isObject(value) ? value[key] : undefined, config);
}

/** A copy of plain JSON with the value at a path replaced; objects on the way are made. */
export function withValueAt(
  target: Readonly<Record<string, unknown>>,
  path: string,
  value: unknown,
): Record<string, unknown> {
  const [key, ...rest] = path.split(".");
  if (rest.length === 0) return { ...target, [key]: value };
  const inner = target[key];
  return { ...target, [key]: withValueAt(isObject(inner) ? inner : {}, rest.join("."), value) };
}

/** Paths of the values of plain JSON: `{a: {b: 1}}` gives `a.b`. */
export function pathsIn(value: Readonly<Record<string, unknown>>, prefix = ""): string[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    isObject(inner) && Object.keys(inner).length > 0
      ? pathsIn(inner, `${prefix}${key}.`)
      : [`${prefix}${key}`]
  );
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fieldsOf(schema: z.ZodObject, prefix: string): ConfigField[] {
  return Object.entries(schema.shape).flatMap(([key, field]) => {
    const inner = field instanceof z.ZodPrefault ? field.unwrap() : field;
    if (inner instanceof z.ZodObject) return fieldsOf(inner, `${prefix}${key}.`);
    const notes = field instanceof z.ZodType ? field.meta() : undefined;
    const own = { path: `${prefix}${key}`, ...Notes.parse(notes) }, optional = optionalSection(inner);
    if (optional === undefined) return [own];
    const fallbacks = optional.parse({});
    return [
      own,
      ...fieldsOf(optional, "").map((each) => ({
        ...each,
        path: `${own.path}.${each.path}`,
        fallback: valueAt(fallbacks, each.path),
      })),
    ];
  });
}

/** The section in a field that is null unless somebody sets it. */
function optionalSection(field: unknown): z.ZodObject | undefined {
  const nullable = field instanceof z.ZodDefault ? field.unwrap() : field;
  const section = nullable instanceof z.ZodNullable ? nullable.unwrap() : undefined;
  return section instanceof z.ZodObject ? section : undefined;
}
