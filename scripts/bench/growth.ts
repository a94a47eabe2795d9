// `deno task bench --growth`: each point of the grid in a process of its own, then laws, table, plot and verdict.
import { join } from "node:path";
import type { Terminal } from "../terminal.ts";
import type { SideTier, WorkSpec } from "./bench_protocol.ts";
import {
  type GrowthLaw,
  growthLaws,
  type GrowthPoint,
  growthTable,
  worseThanArithmetic,
} from "./growth_laws.ts";
import { growthPlot } from "./growth_plot.ts";
import {
  GROWTH_AXES,
  GROWTH_WORKS,
  type GrowthAxis,
  growthSize,
  growthSpec,
  type GrowthWork,
} from "./growth_points.ts";
import { peakMegabytes, processTime, shareGot } from "./process_time.ts";
import { LEAST_SHARE } from "./rounds.ts";
import { ourProgram, type Side, type SideProgram, startSide } from "./side_process.ts";

export interface GrowthOptions {
  tier: SideTier;
  threads: number;
  folder: string;
  /** Where growth.svg and growth.json are written. */
  out?: string;
  terminal: Terminal;
  /** @default all */
  axes?: readonly GrowthAxis[];
  /** @default startSide */
  start?(program: SideProgram): Side;
}

export interface GrowthReport {
  points: GrowthPoint[];
  laws: GrowthLaw[];
  /** One sentence for each law that is worse than its arithmetic. */
  worse: string[];
}

const AXES: readonly GrowthAxis[] = ["length", "batch", "hidden", "vocabulary", "layers"];
/** Undisturbed calls that are timed, and how many are tried for them; the fastest counts. */
const CALLS = 3, TRIES = 9;
/** Next to nothing, for the memory of a process with its libraries. */
const NOTHING: WorkSpec = {
  kind: "scoring",
  model: { layers: 1, hidden: 32, heads: 1, vocabulary: 64, positions: 64 },
  sequences: 1,
  time: 8,
};

export async function measureGrowth(options: GrowthOptions): Promise<GrowthReport> {
  const { terminal, out, axes = AXES } = options;
  const { megabytes: base } = await measurePoint(NOTHING, options);
  const known = new Map<string, { seconds: number; megabytes?: number }>(), points: GrowthPoint[] = [];
  for (const axis of axes) {
    for (const work of GROWTH_WORKS) {
      for (const size of GROWTH_AXES[axis].sizes) {
        terminal.progress(`${work}, ${GROWTH_AXES[axis].about} ${size}`);
        const spec = growthSpec(work, growthSize(axis, size)), key = JSON.stringify(spec);
        const measured = known.get(key) ?? await measurePoint(spec, options);
        known.set(key, measured);
        points.push(growthPoint({ work, axis, size }, measured, base));
      }
    }
  }
  terminal.progress("");
  const laws = growthLaws(points), worse = worseThanArithmetic(laws);
  for (const line of [...growthTable(points, laws), "", ...verdict(worse)]) terminal.line(line);
  if (out !== undefined) {
    await Deno.mkdir(out, { recursive: true });
    await Deno.writeTextFile(join(out, "growth.svg"), growthPlot(points, laws));
    await Deno.writeTextFile(
      join(out, "growth.json"),
      `${JSON.stringify({ points, laws, worse }, null, 2)}\n`,
    );
    terminal.line(`Wrote growth.svg and growth.json into ${out}`);
  }
  return { points, laws, worse };
}

function growthPoint(
  place: { work: GrowthWork; axis: GrowthAxis; size: number },
  { seconds, megabytes }: { seconds: number; megabytes?: number },
  base: number | undefined,
): GrowthPoint {
  if (megabytes === undefined || base === undefined) return { ...place, seconds };
  return { ...place, seconds, megabytes: Math.max(1, megabytes - base) };
}

async function measurePoint(
  spec: WorkSpec,
  options: GrowthOptions,
): Promise<{ seconds: number; megabytes?: number }> {
  // Compiling takes memory of its own: a process before, which runs it once to prepare, leaves the program in the user's cache.
  if (options.tier.name === "native") await withSide(spec, options, () => Promise.resolve());
  return await withSide(spec, options, async (side, variant) => {
    const seconds = await fastestCall(side, variant), megabytes = peakMegabytes(side.pid);
    return { seconds, ...(megabytes !== undefined && { megabytes }) };
  });
}

async function withSide<Found>(
  spec: WorkSpec,
  { tier, threads, folder, start = startSide }: GrowthOptions,
  use: (side: Side, variant: string) => Promise<Found>,
): Promise<Found> {
  const side = start(ourProgram(tier));
  try {
    const ready = await side.ask({ type: "prepare", spec, folder, threads, device: "cpu", tier });
    if (ready.type !== "ready") throw new Error(`A side answered "${ready.type}" when asked to prepare`);
    return await use(side, ready.variants[0]);
  } finally {
    await side.close();
  }
}

async function fastestCall(side: Side, variant: string): Promise<number> {
  let seconds = Infinity, numQuiet = 0;
  for (let call = 0; call < TRIES && numQuiet < CALLS; call++) {
    const before = processTime(side.pid);
    const ran = await side.ask({ type: "run", variant, repeats: 1 });
    if (ran.type !== "ran") throw new Error(`A side answered "${ran.type}" when asked to run`);
    seconds = Math.min(seconds, ran.seconds);
    if ((shareGot(before, processTime(side.pid)) ?? 1) >= LEAST_SHARE) numQuiet++;
  }
  return seconds;
}

function verdict(worse: readonly string[]): string[] {
  return worse.length === 0
    ? ["No step is worse than its arithmetic: only attention's time is quadratic, and no memory is"]
    : ["Worse than its arithmetic:", ...worse.map((sentence) => `  ${sentence}`)];
}
