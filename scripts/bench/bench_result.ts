// What `bench --json` says, and how rounds become it.
import { z } from "zod";
import type { Round } from "./rounds.ts";
import { spread } from "./spread.ts";

const Spread = z.strictObject({ median: z.number(), min: z.number(), max: z.number() });
const Times = z.strictObject({ ...Spread.shape, unit: z.literal("seconds") });

export const WorkResult = z.strictObject({
  work: z.string(),
  about: z.string(),
  ours: Times,
  /** The peer's fastest variant. */
  peer: Times.optional(),
  /** Its time / our time, round by round. */
  ratio: Spread.optional(),
  aim: z.number().optional(),
  /** Every variant of the peer: how long it took, and its ratio. */
  variants: z.record(z.string(), z.strictObject({ time: Times, ratio: Spread })).optional(),
  /** Peak resident memory of a process that did this work alone. */
  memory: z.strictObject({
    oursMegabytes: z.number().optional(),
    peerMegabytes: z.number().optional(),
    /** Ours / the peer's. */
    ratio: z.number().optional(),
    aim: z.number().optional(),
  }),
  rounds: z.strictObject({
    kept: z.number(),
    discarded: z.number(),
    /** No round was quiet: these numbers are of a busy machine. */
    disturbed: z.boolean(),
  }),
  /** What one call did, by side. */
  counts: z.record(z.string(), z.record(z.string(), z.number())),
});
export type WorkResult = z.infer<typeof WorkResult>;

export const BenchReport = z.strictObject({
  commit: z.string().nullable(),
  machine: z.strictObject({
    cpu: z.string(),
    cores: z.number(),
    memoryGigabytes: z.number(),
    system: z.string(),
  }),
  threads: z.number(),
  load: z.number(),
  /** What computed: tier and libraries. */
  engines: z.strictObject({ ours: z.string(), peer: z.string().nullable() }),
  results: z.array(WorkResult),
  /** Works that gave no result, and why. */
  failures: z.array(z.strictObject({ work: z.string(), message: z.string() })),
});
export type BenchReport = z.infer<typeof BenchReport>;

/** The name of our contestant in every round; all others are the peer's. */
export const OURS = "ours";

export type Comparison = Pick<WorkResult, "ours" | "peer" | "ratio" | "variants">;

/** Times of both sides, and the ratio to each variant of the peer; `peer` is the one with the least median. */
export function comparison(rounds: readonly Round[]): Comparison {
  const timesOf = (name: string) => rounds.map((round) => round[name]);
  const times = (name: string) => ({ ...spread(timesOf(name)), unit: "seconds" as const });
  const names = Object.keys(rounds[0]).filter((name) => name !== OURS);
  if (names.length === 0) return { ours: times(OURS) };
  const variants = Object.fromEntries(names.map((name) => [name, {
    time: times(name),
    ratio: spread(rounds.map((round) => round[name] / round[OURS])),
  }]));
  const [fastest] = Object.values(variants).sort((a, b) => a.time.median - b.time.median);
  return { ours: times(OURS), peer: fastest.time, ratio: fastest.ratio, variants };
}

/** How far two numbers of the same work may lie apart, by what they are; relative above 1, absolute below. */
const TOLERANCES: readonly [RegExp, number][] = [
  // Fixed weights, fixed tokens.
  [/^loss |^score /, 1e-4],
  // Means of random draws.
  [/^log-probability/, 0.02],
  [/^reward /, 0.05],
  // Of a policy to itself: zero but for rounding, and for the special tokens that ours never draws.
  [/^kl /, 0.5],
];

/** The first number on which the two sides do not agree, in a sentence. */
export function disagreement(
  ours: Readonly<Record<string, number>>,
  peer: Readonly<Record<string, number>>,
): string | undefined {
  for (const [name, value] of Object.entries(ours)) {
    const other = peer[name];
    if (other === undefined) return `the peer does not tell its "${name}"`;
    const tolerance = TOLERANCES.find(([pattern]) => pattern.test(name))?.[1] ?? 0;
    if (!(Math.abs(value - other) <= tolerance * Math.max(1, Math.abs(value)))) {
      return `"${name}" is ${value} here and ${other} at the peer`;
    }
  }
  return undefined;
}
