// `deno task irl` with actors whose steps compute nothing, for tests that kill processes.
import { irl, irlTable } from "../../scripts/irl.ts";
import { runCommand } from "../../scripts/run_command.ts";
import { processContext } from "../../scripts/run_context.ts";
import { FAKE_TIER } from "./fake_steps.ts";
import { fakeWorldSettings } from "./fake_world.ts";

const { crash } = fakeWorldSettings();
let timesLeft = crash?.times;
await runCommand(irlTable, ({ options }) =>
  irl(options, {
    ...processContext({ json: options.json }),
    substitutes: {
      probe: () => Promise.resolve(FAKE_TIER),
      actorScript: new URL("./fake_actor.ts", import.meta.url),
      onMoment(moment) {
        if (timesLeft === undefined || moment !== crash?.moment) return;
        if (--timesLeft === 0) Deno.kill(Deno.pid, "SIGKILL");
      },
    },
  }));
