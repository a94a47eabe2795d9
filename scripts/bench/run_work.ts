// One work from start to end: both sides as fresh processes, so that their peak memory is that of this work; the same models;
// a check that they do the same; interleaved rounds.
import { join } from "node:path";
import { benchParameters, benchShape, writeModelFolder } from "./bench_models.ts";
import type { SideTier, WorkSpec } from "./bench_protocol.ts";
import { comparison, disagreement, OURS, type WorkResult } from "./bench_result.ts";
import type { BenchWork } from "./bench_works.ts";
import { peakMegabytes, processTime } from "./process_time.ts";
import { type Contestant, playRounds } from "./rounds.ts";
import { ourProgram, peerProgram, type Side, type SideProgram, startSide } from "./side_process.ts";

export interface WorkOptions {
  tier: SideTier;
  threads: number;
  device: "cpu" | "gpu";
  /** Absent: ours alone. */
  python?: string;
  /** Rounds that count, instead of the work's own number. */
  rounds?: number;
  /** No round starts later. */
  seconds: number;
  /** Where the peer's models are written; a folder of this work alone. */
  folder: string;
  told(text: string): void;
  /** @default startSide */
  start?(program: SideProgram): Side;
}

export async function runWork(work: BenchWork, options: WorkOptions): Promise<WorkResult> {
  const { tier, threads, python } = options, start = options.start ?? startSide;
  const ours = start(ourProgram(tier));
  const peer = python === undefined ? undefined : start(peerProgram(python, threads));
  try {
    const contestants = await prepareSides({ ours, peer }, work.spec, options);
    const wanted = options.rounds ?? work.rounds;
    const { rounds, numDiscarded, isDisturbed, counts } = await playRounds(contestants, {
      wanted,
      seconds: options.seconds,
      nowMs: () => performance.now(),
      timeOf: processTime,
      told: (done) => options.told(`round ${done} of ${wanted}`),
    });
    return {
      work: work.name,
      about: work.about,
      ...comparison(rounds),
      ...(peer !== undefined && { aim: work.aim }),
      memory: memoryOf({ ours, peer }, work),
      rounds: { kept: rounds.length, discarded: numDiscarded, disturbed: isDisturbed },
      counts,
    };
  } finally {
    await Promise.all([ours.close(), peer?.close()]);
  }
}

interface Sides {
  ours: Side;
  peer?: Side;
}

/** Both sides warm, and doing the same: an Error if not. */
async function prepareSides(
  { ours, peer }: Sides,
  spec: WorkSpec,
  { tier, threads, device, folder, told }: WorkOptions,
): Promise<Contestant[]> {
  const prepare = { type: "prepare" as const, spec, folder, threads, device };
  told("preparing");
  const ourReady = await ready(ours, { ...prepare, tier });
  const contestants: Contestant[] = [{ name: OURS, side: ours, variant: ourReady.variants[0] }];
  if (peer === undefined) return contestants;
  await writePeerModels(spec, folder);
  const peerReady = await ready(peer, prepare), problem = disagreement(ourReady.checks, peerReady.checks);
  if (problem !== undefined) throw new Error(`The two sides do not do the same work: ${problem}`);
  return [...contestants, ...peerReady.variants.map((variant) => ({ name: variant, side: peer, variant }))];
}

async function ready(side: Side, question: Parameters<Side["ask"]>[0]) {
  const answer = await side.ask(question);
  if (answer.type !== "ready") throw new Error(`A side answered "${answer.type}" when asked to prepare`);
  return answer;
}

/** The models of a work with the parameters that ours made for itself; the work "demo" writes its own. */
async function writePeerModels(spec: WorkSpec, folder: string): Promise<void> {
  if (spec.kind === "demo") return;
  const heads = spec.kind === "inner-loop"
    ? ["policy", "reward"] as const
    : spec.kind === "scoring"
    ? ["reward"] as const
    : ["policy"] as const;
  for (const head of heads) {
    const model = benchShape(spec.model, head);
    await writeModelFolder(join(folder, head), model, { flat: benchParameters(model) });
  }
}

function memoryOf({ ours, peer }: Sides, { memoryAim }: BenchWork): WorkResult["memory"] {
  const oursMegabytes = peakMegabytes(ours.pid);
  const peerMegabytes = peer && peakMegabytes(peer.pid);
  return {
    ...(oursMegabytes !== undefined && { oursMegabytes }),
    ...(peerMegabytes !== undefined && { peerMegabytes }),
    ...(oursMegabytes !== undefined && peerMegabytes !== undefined && {
      ratio: Math.round(100 * oursMegabytes / peerMegabytes) / 100,
    }),
    ...(memoryAim !== undefined && peerMegabytes !== undefined && { aim: memoryAim }),
  };
}
