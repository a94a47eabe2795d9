// The project's configuration, which every process of its own is started with, wherever the user stands.
import { fileURLToPath } from "node:url";

export const configPath = fileURLToPath(new URL("../deno.json", import.meta.url));
