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
  const { tier, threads, device, python, folder, told } = options, start = options.start ?? startSide;
  const ours = start(ourProgram(tier));
  const peer = python === undefined ? undefined : start(peerProgram(python, threads));
  try {
    const { spec } = work, prepare = { type: "prepare" as const, spec, folder, threads, device };
    told("preparing");
    const ourReady = await ready(ours, { ...prepare, tier });
    if (peer !== undefined) await writePeerModels(spec, folder);
    const peerReady = peer === undefined ? undefined : await ready(peer, prepare);
    const problem = peerReady && disagreement(ourReady.checks, peerReady.checks);
    if (problem !== undefined) throw new Error(`The two sides do not do the same work: ${problem}`);
    const contestants: Contestant[] = [{ name: OURS, side: ours, variant: ourReady.variants[0] }];
    if (peer !== undefined) {
      for (const variant of peerReady?.variants ?? []) {
        contestants.push({ name: variant, side: peer, variant });
      }
    }
    const wanted = options.rounds ?? work.rounds;
    const played = await playRounds(contestants, {
      wanted,
      seconds: options.seconds,
      nowMs: () => performance.now(),
      timeOf: processTime,
      told: (done) => told(`round ${done} of ${wanted}`),
    });
    return {
      work: work.name,
      about: work.about,
      ...comparison(played.rounds),
      ...(peer !== undefined && { aim: work.aim }),
      memory: memoryOf(ours, peer, work),
      rounds: {
        kept: played.rounds.length,
        discarded: played.numDiscarded,
        disturbed: played.isDisturbed,
      },
      counts: played.counts,
    };
  } finally {
    await Promise.all([ours.close(), peer?.close()]);
  }
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

function memoryOf(ours: Side, peer: Side | undefined, { memoryAim }: BenchWork): WorkResult["memory"] {
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
