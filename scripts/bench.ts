// `deno task bench`: the product's own steps beside PyTorch and transformers on the same work, in interleaved rounds; with
// --growth, how time and memory of ours grow with the sizes. Measures; changes nothing but a temporary folder.
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { ConfigError } from "../src/base/errors.ts";
import { computesOnNvidia } from "../src/compute/native_gpu.ts";
import { nearestName } from "../src/base/nearest_name.ts";
import type { SideTier } from "./bench/bench_protocol.ts";
import type { BenchReport } from "./bench/bench_result.ts";
import { benchConditions, benchTable } from "./bench/bench_table.ts";
import { BENCH_WORKS, type BenchWork } from "./bench/bench_works.ts";
import { findPeer, type FoundPeer } from "./bench/find_peer.ts";
import { measureGrowth } from "./bench/growth.ts";
import { type MachineFacts, machineFacts } from "./bench/machine_facts.ts";
import { runWork } from "./bench/run_work.ts";
import { chooseCompute, type ChosenCompute, tierText } from "./choose_compute.ts";
import { choice, type CommandTable, flag, list, value, wholeNumber } from "./command_line.ts";
import { exitNow } from "./exit_now.ts";
import { runCommand } from "./run_command.ts";
import { openTerminal, processStream, type Terminal } from "./terminal.ts";
import { userPath } from "./user_environment.ts";

const options = z.strictObject({
  only: list("WORK[,WORK]", "measure these works alone"),
  rounds: wholeNumber("rounds that count, of every work (default: the work's own number)", {
    min: 1,
    max: 1000,
  }),
  seconds: wholeNumber("no round of a work starts later than this (default: 40)", { min: 1 }),
  python: value("PROGRAM", "Python of the peer, with torch and transformers (default: python3)"),
  "no-peer": flag("ours alone"),
  backend: choice(["auto", "native", "webgpu", "wasm", "cpu"], "where ours computes (default: auto)"),
  threads: wholeNumber("threads of both sides (default: all cores, at most 2)", { min: 1, max: 256 }),
  growth: flag("instead: time and memory of ours against length, batch, width, vocabulary and depth"),
  out: value("DIR", "with --growth: folder for growth.svg and growth.json (default: none)"),
  json: flag("one JSON object on stdout, text on stderr"),
});
type Options = z.output<typeof options>;

export const benchCommand: CommandTable<typeof options.shape> = {
  name: "deno task bench",
  summary: `Measures training, sampling, scoring and one iteration beside PyTorch. Works: ${
    BENCH_WORKS.map(({ name }) => name).join(", ")
  }.`,
  options,
  examples: ["deno task bench --only train-14m,rollout-512", "deno task bench --growth --out growth"],
};

/** Works by name, in the table's order; ConfigError for a name that is not there. */
export function chosenWorks(only: readonly string[]): readonly BenchWork[] {
  const wanted = only.flatMap((names) => names.split(",")).map((name) => name.trim());
  const known = BENCH_WORKS.map(({ name }) => name);
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new ConfigError(
      `Give --only names of works, e.g. "${
        nearestName(unknown, known) ?? known[0]
      }": there is no "${unknown}"`,
    );
  }
  return wanted.length === 0 ? BENCH_WORKS : BENCH_WORKS.filter(({ name }) => wanted.includes(name));
}

interface BenchWorld {
  compute: ChosenCompute;
  facts: MachineFacts;
  threads: number;
  /** For models that the peer opens; removed at the end. */
  folder: string;
  terminal: Terminal;
}

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];

async function bench(options: Options, terminal: Terminal): Promise<number> {
  const works = chosenWorks(options.only), facts = await machineFacts();
  const threads = options.threads ?? Math.min(2, availableParallelism());
  const compute = await chooseCompute({
    requested: options.backend ?? "auto",
    threads,
    mayFetch: true,
    environment: Deno.env.toObject(),
    log: (line) => terminal.line(line),
  });
  const folder = await Deno.makeTempDir({ prefix: "bench-" });
  const interrupt = () => {
    Deno.removeSync(folder, { recursive: true });
    exitNow(130);
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupt);
  const world: BenchWorld = { compute, facts, threads, folder, terminal };
  try {
    return options.growth ? await tellGrowth(options, world) : await compare(works, options, world);
  } finally {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupt);
    await Deno.remove(folder, { recursive: true });
  }
}

async function tellGrowth({ out, json }: Options, world: BenchWorld): Promise<number> {
  const { compute, facts, threads } = world;
  const growth = await measureGrowth({
    ...world,
    tier: tierOf(compute),
    out: out === undefined ? undefined : userPath(out, Deno.env.toObject()),
  });
  if (json) {
    console.log(JSON.stringify({ ...facts, threads, engine: tierText(compute.description), ...growth }));
  }
  return growth.worse.length === 0 ? 0 : 1;
}

async function compare(works: readonly BenchWork[], options: Options, world: BenchWorld): Promise<number> {
  const { compute, facts, threads, folder, terminal } = world;
  const peer: FoundPeer = options["no-peer"] ? { missing: "left out" } : await findPeer(options.python);
  if ("missing" in peer) terminal.line(`Measuring ours alone, without a peer: ${peer.missing}`);
  const report: BenchReport = {
    ...facts,
    threads,
    engines: { ours: tierText(compute.description), peer: "engine" in peer ? peer.engine : null },
    results: [],
    failures: [],
  };
  for (const work of works) {
    terminal.progress(`${work.name}: ${work.about}`);
    try {
      report.results.push(
        await runWork(work, {
          tier: tierOf(compute),
          threads,
          device: computesOnNvidia(compute.description) ? "gpu" : "cpu",
          python: "python" in peer ? peer.python : undefined,
          rounds: options.rounds,
          seconds: options.seconds ?? 40,
          folder: join(folder, work.name),
          told: (text) => terminal.progress(`${work.name}: ${text}`),
        }),
      );
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      report.failures.push({ work: work.name, message });
      terminal.line(`${work.name} gave no result: ${message}`);
    }
  }
  terminal.progress("");
  for (const line of [...benchTable(report), "", ...benchConditions(report)]) terminal.line(line);
  if (options.json) console.log(JSON.stringify(report));
  return report.failures.length === 0 ? 0 : 1;
}

function tierOf({ options: { name, threads, libraryDirectory, tf32 } }: ChosenCompute): SideTier {
  return { name, threads, libraryDirectory, tf32 };
}

if (import.meta.main) {
  await runCommand(benchCommand, async ({ options }) => {
    const started = performance.now();
    const output = options.json ? Deno.stderr : Deno.stdout;
    const terminal = openTerminal(processStream(output), { elapsedMs: () => performance.now() - started });
    return await bench(options, terminal);
  });
}
