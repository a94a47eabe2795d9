// The Worker that computes: opens the tier, holds the tensor library, and runs one step function after another.
// Left out: decisions. What it is asked and what it answers are plain data (worker_protocol.ts).
/// <reference lib="deno.worker" />
import { COMPUTE_ACTORS } from "../actors/compute_actors.ts";
import type { Command, ResultMeta } from "../events/mod.ts";
import { openTier, type Tier } from "../src/compute/tier.ts";
import { openFileArtifacts } from "../src/store/file_artifacts.ts";
import { peakMemory } from "./peak_memory.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./worker_protocol.ts";

let opened: { tier: Tier; settings: WorkerSettings } | undefined;
let turn: Promise<void> = Promise.resolve();

self.onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  turn = turn.then(() => "open" in message ? open(message.open) : run(message.run, message.number));
};

// The tensor library greets and warns on the console, which here is the bus or a person's terminal.
for (const method of ["log", "info", "warn", "error", "debug"] as const) console[method] = () => {};

async function open(settings: WorkerSettings): Promise<void> {
  try {
    const tier = await openTier(settings.tier);
    opened = { tier, settings };
    // Whoever started this Worker starts another one.
    void tier.failed?.then(reportError);
    const { name, variant, threads, engine } = tier;
    post({ opened: { name, variant, threads, engine } });
  } catch (error) {
    post({ error: errorData(error) });
  }
}

async function run(command: Command, number: number): Promise<void> {
  try {
    if (opened === undefined) throw new Error("Open the Worker's tier before its first command");
    const started = performance.now();
    const { data, meta } = await COMPUTE_ACTORS[command.role].work(command, {
      tier: opened.tier,
      artifacts: openFileArtifacts(opened.settings.folder),
      progress: (progress) => post({ progress, number }),
    });
    const seconds = Math.round(performance.now() - started) / 1000;
    const { device } = opened.settings, place: ResultMeta = device === undefined ? {} : { device };
    post({ data, meta: { ...meta, seconds, process: Deno.pid, ...place, ...peakMemory() }, number });
  } catch (error) {
    post({ error: errorData(error), number });
  }
}

function post(message: FromWorker): void {
  self.postMessage(message);
}

function errorData(error: unknown): { name: string; message: string } {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  // A bug is found by where it happened; the others say themselves what to do.
  const isBug = ["Error", "TypeError", "RangeError", "ReferenceError"].includes(error.name);
  return { name: error.name, message: isBug ? error.stack ?? error.message : error.message };
}
