// The version of this software, as deno.json states it and runs record it.
import manifest from "../deno.json" with { type: "json" };

export const SOFTWARE_VERSION: string = manifest.version;
