// Size budget: lines per file and in total. A file over budget says why in its header: `Size: <reason>`.
import type { SourceFile } from "./source_files.ts";

const FILE_LINES = 300;
const TEST_LINES = 450;

export function sizeViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.split("\n").length, budget = path.startsWith("test/") ? TEST_LINES : FILE_LINES;
    const excused = /^\/\/ Size: \S/m.test(text.split("\n").slice(0, 8).join("\n"));
    return lines <= budget || excused
      ? []
      : [`${path} has ${lines} lines, over its budget of ${budget}; split it or say why`];
  });
}

/** Every file but a test, whose names say it, starts with a comment that says what it is. */
export function headerViolations(files: readonly SourceFile[]): string[] {
  return files.filter(({ path, text }) => !path.endsWith("_test.ts") && !/^(#!.*\n)?\/[/*]/.test(text)).map((
    { path },
  ) => `${path} has no header comment`);
}

/** Lines by folder, for the printed table. */
export function sizeTable(files: readonly SourceFile[]): { folder: string; files: number; lines: number }[] {
  const rows = new Map<string, { folder: string; files: number; lines: number }>();
  for (const { path, text } of files) {
    const folder = path.split("/").slice(0, path.startsWith("src/") ? 2 : 1).join("/");
    const row = rows.get(folder) ?? { folder, files: 0, lines: 0 };
    rows.set(folder, { folder, files: row.files + 1, lines: row.lines + text.split("\n").length });
  }
  return [...rows.values()];
}
