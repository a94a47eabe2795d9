// `deno task check`: layers, forbidden names, equations, sizes, headers, README's generated parts, top level.
// Prints one line per violation and exits 1 when there is any.
import { equationViolations } from "./equations.ts";
import { forbiddenNames, importGraph, layerViolations } from "./layers.ts";
import { readmeViolations } from "./readme.ts";
import { headerViolations, sizeTable, sizeViolations } from "./sizes.ts";
import { sourceFiles } from "./source_files.ts";
import { topLevelViolations } from "./top_level.ts";

const root = new URL("../../", import.meta.url);

export async function allViolations(): Promise<string[]> {
  const files = await sourceFiles(root);
  const roots = files.map(({ path }) => path)
    .filter((path) => /^(scripts|actors)\/[^/]+\.ts$/.test(path) || path === "src/irl/algorithm1.ts");
  const names = Array.from(Deno.readDirSync(root), (entry) => entry.name);
  return [
    ...layerViolations(await importGraph(root, roots)),
    ...files.flatMap(({ path, text }) => forbiddenNames(path, text)),
    ...equationViolations(files),
    ...sizeViolations(files),
    ...headerViolations(files),
    ...topLevelViolations(names),
    ...await readmeViolations(root, files),
  ];
}

if (import.meta.main) {
  const violations = await allViolations();
  for (const line of violations) console.error(line);
  for (const { folder, files, lines } of sizeTable(await sourceFiles(root))) {
    console.log(`${folder.padEnd(14)} ${String(files).padStart(4)} files ${String(lines).padStart(6)} lines`);
  }
  console.log(violations.length === 0 ? "All checks hold" : `${violations.length} violations`);
  Deno.exit(violations.length === 0 ? 0 : 1);
}
