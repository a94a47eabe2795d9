// An actor process whose steps compute nothing: everything else about it is real.
import { join } from "node:path";
import { runActor } from "../../scripts/actor.ts";
import { openFakeCompute } from "./fake_steps.ts";
import { fakeWorldSettings } from "./fake_world.ts";

const { pidFolder, delayMs } = fakeWorldSettings();
Deno.writeTextFileSync(join(pidFolder, Deno.args[0]), String(Deno.pid));
const code = await runActor(({ folder }) => {
  const before = () => new Promise<void>((resolve) => setTimeout(resolve, delayMs));
  return Promise.resolve(openFakeCompute(folder, { before }));
});
Deno.exit(code);
