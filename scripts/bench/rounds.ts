// Interleaved rounds: ours and each variant of the peer in turn, in alternating order, so that whatever disturbs the machine
// disturbs both. A round in which a side did not get the processor is thrown away and done again.
import type { Side } from "./side_process.ts";
import { type ProcessTime, shareGot } from "./process_time.ts";

/** A side that must get less than this share of what it asks for is disturbed: 1.7 of two cores. */
export const LEAST_SHARE = 0.85;
/** Rounds are tried so many times for each that counts. */
const TRIES_PER_ROUND = 2;
/** Lets threads that spin after a call come to rest before the other side is timed. */
const REST_MS = 60;

/** One way to do the work: of a side, by a variant. */
export interface Contestant {
  name: string;
  side: Side;
  variant: string;
}

/** Seconds a call of every contestant, by its name. */
export type Round = Record<string, number>;

export interface RoundsResult {
  rounds: Round[];
  numDiscarded: number;
  /** No round was quiet: the ones reported were disturbed. */
  isDisturbed: boolean;
  /** What one call did, by contestant. */
  counts: Record<string, Record<string, number>>;
}

export interface RoundsOptions {
  /** Rounds that count. */
  wanted: number;
  /** No round starts later; one is always made. */
  seconds: number;
  /** Each measurement takes at least so long. @default 0.4 */
  leastSeconds?: number;
  /** @default 60 */
  restMs?: number;
  nowMs(): number;
  timeOf(pid: number): ProcessTime | undefined;
  /** Called after every round. */
  told?(done: number): void;
}

export async function playRounds(
  contestants: readonly Contestant[],
  options: RoundsOptions,
): Promise<RoundsResult> {
  const { wanted, seconds, nowMs } = options, started = nowMs();
  const repeats = await chooseRepeats(contestants, options.leastSeconds ?? 0.4);
  const quiet: Round[] = [], disturbed: Round[] = [], counts: RoundsResult["counts"] = {};
  for (let round = 0; round < TRIES_PER_ROUND * wanted && quiet.length < wanted; round++) {
    if (round > 0 && nowMs() - started > 1000 * seconds) break;
    const times: Round = {};
    let isQuiet = true;
    for (const contestant of round % 2 === 0 ? contestants : [...contestants].reverse()) {
      const measured = await measure(contestant, repeats, options);
      times[contestant.name] = measured.seconds;
      counts[contestant.name] = measured.counts;
      if (measured.share !== undefined && measured.share < LEAST_SHARE) isQuiet = false;
    }
    (isQuiet ? quiet : disturbed).push(times);
    options.told?.(quiet.length);
  }
  return quiet.length > 0
    ? { rounds: quiet, numDiscarded: disturbed.length, isDisturbed: false, counts }
    : { rounds: disturbed, numDiscarded: 0, isDisturbed: true, counts };
}

/** Calls of one measurement, the same for all: enough for the fastest to be timed well. */
async function chooseRepeats(contestants: readonly Contestant[], leastSeconds: number): Promise<number> {
  let fastest = Infinity;
  for (const { side, variant } of contestants) {
    fastest = Math.min(fastest, (await timed(side, variant, 1)).seconds);
  }
  return Math.max(1, Math.min(100, Math.ceil(leastSeconds / fastest)));
}

async function measure(
  { side, variant }: Contestant,
  repeats: number,
  { timeOf, restMs = REST_MS }: RoundsOptions,
): Promise<{ seconds: number; share?: number; counts: Record<string, number> }> {
  await new Promise((resolve) => setTimeout(resolve, restMs));
  const before = timeOf(side.pid);
  const { seconds, counts } = await timed(side, variant, repeats);
  return { seconds: seconds / repeats, share: shareGot(before, timeOf(side.pid)), counts };
}

async function timed(side: Side, variant: string, repeats: number) {
  const answer = await side.ask({ type: "run", variant, repeats });
  if (answer.type !== "ran") throw new Error(`A side answered "${answer.type}" when asked to run`);
  return answer;
}
