// Which folder may import which: events ← src ← actors ← scripts, never back. Reads the module graph that Deno prints.
// Left out: tests, which may import everything.

/** What a row may import of ours and from outside; "types:" marks folders whose types alone may be named. */
const ALLOWED: Record<string, { ours: string[]; external: string[] }> = {
  "events": { ours: [], external: ["zod"] },
  "src/base": { ours: [], external: [] },
  "src/math": { ours: ["src/base"], external: ["tfjs"] },
  "src/compute": { ours: ["src/base"], external: ["tfjs"] },
  "src/model": { ours: ["src/base", "src/math", "src/compute"], external: ["zod", "tfjs"] },
  "src/data": { ours: ["src/base"], external: ["zod", "@huggingface/tokenizers", "@huggingface/jinja"] },
  "src/irl": {
    ours: ["events", "src/base", "src/math", "src/compute", "src/model", "src/data"],
    external: ["tfjs"],
  },
  "src/store": { ours: ["events", "src/base"], external: ["zod", "nats"] },
  "src/bus": { ours: ["events", "src/base"], external: ["zod", "nats"] },
  "src/status": { ours: ["events", "src/base"], external: ["zod", "hono", "uplot"] },
  "actors": {
    ours: [
      "events",
      "src/base",
      "src/irl",
      "src/model",
      "src/data",
      "src/compute",
      "types:src/store",
      "types:src/bus",
    ],
    external: ["xstate"],
  },
};

/** Only the Evaluator's step and data preparation may read a gold measure or labels (nothing else may depend on them). */
const GOLD_READERS = /^(src\/data\/|src\/irl\/evaluate_(policy|reward)\.ts$|scripts\/)/;
const GOLD_FILES = /^src\/data\/(gold|made_up_checker|e2e_checker)\.ts$/;

export interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

/** Folder of a file in the table's terms: "events", "src/math", "actors", "scripts", or undefined outside of it. */
function layerOf(file: string): string | undefined {
  if (file.startsWith("src/")) return file.split("/").slice(0, 2).join("/");
  return file.includes("/") ? file.split("/")[0] : undefined;
}

function externalName(specifier: string): string {
  const name = specifier.replace(/^(npm|node|jsr):\/?/, "");
  if (name.startsWith("@tensorflow/")) return "tfjs";
  if (name.startsWith("@nats-io/")) return "nats";
  return name.startsWith("@")
    ? name.split(/[@/]/).slice(1, 3).join("/").replace(/^/, "@")
    : name.split(/[@/]/)[0];
}

/** One sentence per import that the table does not allow. */
export function layerViolations(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, to, typeOnly }) => {
    const layer = layerOf(from);
    if (layer === undefined || layer === "scripts" || layer === "test") return [];
    const rule = ALLOWED[layer];
    if (rule === undefined) return [`${from}: folder "${layer}" is not in the table of layers`];
    if (GOLD_FILES.test(to) && !GOLD_READERS.test(from) && !typeOnly) {
      return [`${from} imports ${to}: a gold measure is for the Evaluator only`];
    }
    const target = layerOf(to);
    if (/^(npm|node|jsr):/.test(to) || target === undefined) {
      if (to.startsWith("node:")) return layer === "events" ? [`${from} imports ${to}`] : [];
      const name = externalName(to);
      return rule.external.includes(name) ? [] : [`${from} imports ${name}, which "${layer}" may not`];
    }
    const allowed = target === layer || rule.ours.includes(target) ||
      (typeOnly && rule.ours.includes(`types:${target}`));
    return allowed ? [] : [`${from} imports ${to}: "${layer}" may not import "${target}"`];
  });
}

/** Effects that pure folders must not name. */
const FORBIDDEN: { folders: RegExp; pattern: RegExp }[] = [
  {
    folders: /^(events|src\/math|src\/model|src\/irl|actors)\//,
    pattern:
      /\bDeno\.|\bfetch\(|\bconsole\.|\bsetTimeout\(|\bsetInterval\(|\bDate\.now|\bMath\.random|randomUUID/,
  },
  {
    folders: /^src\/math\//,
    pattern: /\btf\.tidy|\.dataSync\(|\.arraySync\(|\.data\(\)|\btf\.variable|\btf\.random/,
  },
];

export function forbiddenNames(file: string, text: string): string[] {
  return FORBIDDEN.flatMap(({ folders, pattern }) => {
    if (!folders.test(file)) return [];
    return text.split("\n").flatMap((line, index) => {
      const found = /^\s*(\/\/|\*|\/\*)/.test(line) ? null : pattern.exec(line);
      return found ? [`${file}:${index + 1} names "${found[0]}", which its folder may not`] : [];
    });
  });
}

interface DenoDependency {
  specifier: string;
  code?: { specifier?: string };
  type?: { specifier?: string };
}

/** The import graph of every file reachable from `roots`, as paths relative to `directory`. */
export async function importGraph(directory: URL, roots: readonly string[]): Promise<Import[]> {
  const found = new Map<string, Import>();
  for (const root of roots) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", root],
      cwd: directory,
      stderr: "null",
    }).output();
    const relative = (specifier: string) =>
      specifier.startsWith(directory.href) ? specifier.slice(directory.href.length) : specifier;
    const graph: { modules: { specifier: string; dependencies?: DenoDependency[] }[] } = JSON.parse(
      new TextDecoder().decode(stdout),
    );
    for (const module of graph.modules) {
      const from = relative(module.specifier);
      if (from.includes(":")) continue;
      for (const dependency of module.dependencies ?? []) {
        const target = dependency.code?.specifier ?? dependency.type?.specifier;
        if (target === undefined) continue;
        const to = relative(target);
        found.set(`${from} ${to}`, { from, to, typeOnly: dependency.code?.specifier === undefined });
      }
    }
  }
  return [...found.values()];
}
