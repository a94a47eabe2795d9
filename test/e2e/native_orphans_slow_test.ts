// An actor process ends with its parent also while its Worker loads libtensorflow, which a plain exit would not survive:
// exit handlers and a library that is being loaded wait for each other, at full speed and forever.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { fileURLToPath } from "node:url";
import { ACTOR_VARIABLE, type ActorSettings } from "../../scripts/actor_settings.ts";
import { findTensorflow } from "../../scripts/fetch/tensorflow.ts";
import { cacheFolder } from "../../scripts/user_environment.ts";
import { inTemporaryFolder } from "../scripts/irl_fixtures.ts";

const environment = Deno.env.toObject();
const library = findTensorflow(environment, cacheFolder(environment));
const skip = library === undefined ? "no libtensorflow in TF_LIB_DIR or the cache" : false;
if (skip !== false) console.log(`Native orphan tests skipped: ${skip}`);

describe("an actor on the native tier", { skip }, () => {
  // The library is loaded somewhere in between, depending on the machine: many tries, because the window is narrow.
  for (const afterMs of Array.from({ length: 12 }, (_, i) => 200 + 100 * i)) {
    it(`ends within 5 seconds when its parent goes after ${afterMs} ms`, () =>
      inTemporaryFolder(async (folder) => {
        const tier = { name: "native", threads: 2, libraryDirectory: library?.directory } as const;
        const settings: ActorSettings = {
          role: "generator",
          run: "r",
          bus: { kind: "pipe" },
          worker: { folder, tier },
        };
        const child = new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--quiet", fileURLToPath(new URL("../../scripts/actor.ts", import.meta.url))],
          env: { [ACTOR_VARIABLE]: JSON.stringify(settings) },
          stdin: "piped",
          stdout: "null",
          stderr: "null",
        }).spawn();
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        await child.stdin.close();
        const patience = setTimeout(() => child.kill("SIGKILL"), 5000);
        const { code } = await child.status;
        clearTimeout(patience);
        assert.equal(code, 0);
      }));
  }
});
