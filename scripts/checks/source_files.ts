// The repository's own TypeScript files, as git would see them, for the checkers.

const FOLDERS = ["events", "src", "actors", "scripts", "test"];

export interface SourceFile {
  /** Relative to the repository, with "/". */
  path: string;
  text: string;
}

export async function sourceFiles(root: URL): Promise<SourceFile[]> {
  const out: SourceFile[] = [];
  const walk = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(new URL(folder, root))) {
      const path = `${folder}${entry.name}`;
      if (entry.isDirectory) await walk(`${path}/`);
      else if (entry.name.endsWith(".ts")) {
        out.push({ path, text: await Deno.readTextFile(new URL(path, root)) });
      }
    }
  };
  for (const folder of FOLDERS) await walk(`${folder}/`);
  return out.sort((a, b) => (a.path < b.path ? -1 : 1));
}
