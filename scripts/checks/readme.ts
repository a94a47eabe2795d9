// Parts of README that are generated from the code, between markers: state diagram, file map, equation index, event index, configuration.
// `deno task readme` rewrites them; the check fails when they are not current.
import { z } from "zod";
import { irlCoordinator } from "../../actors/irl_coordinator.ts";
import { stateDiagram } from "../../actors/state_diagram.ts";
import { RUN_EVENTS, RunConfig } from "../../events/mod.ts";
import { equationIndex } from "./equations.ts";
import type { SourceFile } from "./source_files.ts";

const MAPPED = ["events/", "src/math/", "src/irl/", "actors/"];

function fileMap(files: readonly SourceFile[]): string {
  const rows = files.filter(({ path }) => MAPPED.some((folder) => path.startsWith(folder)))
    .map(({ path, text }) =>
      `| \`${path}\` | ${text.split("\n")[0].replace(/^\/\/ /, "").replaceAll("|", "\\|")} |`
    );
  return ["| file | what it is |", "|---|---|", ...rows].join("\n");
}

function equationTable(files: readonly SourceFile[]): string {
  const { code, tests } = equationIndex(files);
  const order = (equation: string) => parseInt(equation, 10);
  const rows = [...code].sort(([a], [b]) => order(a) - order(b) || (a < b ? -1 : 1)).map(
    ([equation, paths]) => {
      const list = (all: string[]) => all.map((path) => `\`${path}\``).join(", ");
      return `| (${equation}) | ${list(paths)} | ${list(tests.get(equation) ?? [])} |`;
    },
  );
  return ["| Eq. | code | tests that name it |", "|---|---|---|", ...rows].join("\n");
}

function eventTable(): string {
  const rows = Object.entries(RUN_EVENTS).map(([name, schema]) => {
    const fields = Object.keys(schema.shape).filter((key) => key !== "v");
    return `| \`${name}\` | ${fields.map((field) => `\`${field}\``).join(", ")} |`;
  });
  return ["| event | data |", "|---|---|", ...rows].join("\n");
}

interface FieldRow {
  path: string;
  value: unknown;
  about: string;
  unit: string;
  source: string;
}

/** Every field of the configuration with its default, unit and source. */
export function configFields(config: unknown, schema: z.ZodType = RunConfig, path = ""): FieldRow[] {
  const inner = unwrapped(schema);
  if (!(inner instanceof z.ZodObject)) {
    const notes = schema.meta() ?? {};
    const text = (key: string) => String(notes[key] ?? "");
    return [{ path, value: config, about: text("about"), unit: text("unit"), source: text("source") }];
  }
  const values: Record<string, unknown> = Object(config);
  return Object.entries(inner.shape).flatMap(([key, field]) =>
    configFields(values[key], field as z.ZodType, path === "" ? key : `${path}.${key}`)
  );
}

/** The object inside a prefault; anything else as it is. */
function unwrapped(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodPrefault ? unwrapped(schema.unwrap() as z.ZodType) : schema;
}

function configTable(): string {
  const rows = configFields(RunConfig.parse({})).map(({ path, value, about, unit, source }) =>
    `| \`${path}\` | ${JSON.stringify(value)} | ${unit} | ${about} | ${source} |`
  );
  return ["| field | default | unit | what | source |", "|---|---|---|---|---|", ...rows].join("\n");
}

/** README with its generated parts renewed. */
export function renewedReadme(text: string, files: readonly SourceFile[]): string {
  const parts: Record<string, string> = {
    "state diagram": "```mermaid\n" + stateDiagram(irlCoordinator).trim() + "\n```",
    "file map": fileMap(files),
    "equation index": equationTable(files),
    "event index": eventTable(),
    "configuration": configTable(),
  };
  return Object.entries(parts).reduce((current, [name, part]) => {
    const start = `<!-- generated: ${name} -->`, end = `<!-- end: ${name} -->`;
    const from = current.indexOf(start), to = current.indexOf(end);
    if (from < 0 || to < from) throw new Error(`README.md lacks the markers of "${name}"`);
    return `${current.slice(0, from + start.length)}\n\n${part}\n\n${current.slice(to)}`;
  }, text);
}

export async function readmeViolations(root: URL, files: readonly SourceFile[]): Promise<string[]> {
  const text = await Deno.readTextFile(new URL("README.md", root));
  return renewedReadme(text, files) === text ? [] : ["README.md is not current: run `deno task readme`"];
}
