// `deno task readme`: rewrites README's generated parts from the code.
import { renewedReadme } from "./readme.ts";
import { sourceFiles } from "./source_files.ts";

const root = new URL("../../", import.meta.url), file = new URL("README.md", root);
await Deno.writeTextFile(file, renewedReadme(await Deno.readTextFile(file), await sourceFiles(root)));
