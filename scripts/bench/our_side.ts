// Our side of the benchmark, a process of its own: opens the tier, prepares one work, and does it as often as it is asked.
// Speaks bench_protocol.ts over its standard streams. What is timed is what a run calls, nothing made for the benchmark.
import type { StepPorts } from "../../src/irl/step_ports.ts";
import { openTier, type Tier } from "../../src/compute/tier.ts";
import { memoryArtifacts } from "../../src/store/memory_artifacts.ts";
import { exitNow, prepareExit } from "../exit_now.ts";
import { type FromSide, ToSide, type WorkSpec } from "./bench_protocol.ts";
import { prepareDemo } from "./demo_work.ts";
import { prepareInnerLoop } from "./inner_loop_work.ts";
import { prepareRollout } from "./rollout_work.ts";
import { prepareScoring } from "./scoring_work.ts";
import { prepareTraining } from "./training_work.ts";

/** A work that is ready to be done again and again. */
export interface PreparedWork {
  checks: Record<string, number>;
  /** Once; what it did, for people. */
  run(): Promise<Record<string, number>>;
}

async function prepareWork(spec: WorkSpec, ports: StepPorts, folder: string): Promise<PreparedWork> {
  switch (spec.kind) {
    case "training":
      return await prepareTraining(spec, ports);
    case "rollout":
      return await prepareRollout(spec, ports);
    case "inner-loop":
      return await prepareInnerLoop(spec, ports);
    case "scoring":
      return await prepareScoring(spec, ports);
    case "demo":
      return await prepareDemo(spec, ports, folder);
    default:
      return spec satisfies never;
  }
}

async function open(
  question: Extract<ToSide, { type: "prepare" }>,
): Promise<{ tier: Tier; work: PreparedWork }> {
  if (question.tier === undefined) throw new Error('Name the tier in "prepare"');
  const tier = await openTier(question.tier);
  const ports: StepPorts = { tier, artifacts: memoryArtifacts(), progress: () => {} };
  return { tier, work: await prepareWork(question.spec, ports, question.folder) };
}

async function answer(question: ToSide, state: { work?: PreparedWork }): Promise<FromSide> {
  if (question.type === "prepare") {
    const { tier, work } = await open(question);
    state.work = work;
    return { type: "ready", engine: tier.engine, variants: [tier.variant], checks: work.checks };
  }
  if (state.work === undefined) throw new Error('Say "prepare" before "run"');
  let counts: Record<string, number> = {};
  const started = performance.now();
  for (let i = 0; i < question.repeats; i++) counts = await state.work.run();
  return { type: "ran", seconds: (performance.now() - started) / 1000, counts };
}

async function main(): Promise<void> {
  prepareExit();
  // The tensor library greets and warns on the console, which here is the protocol.
  for (const method of ["log", "info", "warn", "debug"] as const) console[method] = () => {};
  const say = (line: FromSide) =>
    Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
  const state: { work?: PreparedWork } = {};
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      try {
        say(await answer(ToSide.parse(JSON.parse(line)), state));
      } catch (error) {
        say({
          type: "failed",
          message: error instanceof Error ? error.stack ?? error.message : String(error),
        });
      }
    }
  }
}

if (import.meta.main) {
  await main();
  exitNow(0);
}
