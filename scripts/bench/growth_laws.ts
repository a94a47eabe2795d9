// From measured points to laws: an exponent of time and memory along each axis, beside the exponent of the arithmetic, and
// sentences about steps that grow faster than it. Exponents are those of the largest sizes, where constants fade.
import {
  GROWTH_AXES,
  GROWTH_WORKS,
  type GrowthAxis,
  growthBytes,
  growthFlops,
  growthSize,
  type GrowthWork,
} from "./growth_points.ts";
import { powerLawExponent } from "./power_law.ts";

export interface GrowthPoint {
  work: GrowthWork;
  axis: GrowthAxis;
  size: number;
  seconds: number;
  /** Peak memory beyond that of a process that does next to nothing. */
  megabytes?: number;
}

export interface GrowthLaw {
  work: GrowthWork;
  axis: GrowthAxis;
  time: Exponent;
  memory?: Exponent;
}

export interface Exponent {
  measured: number;
  arithmetic: number;
}

/** Largest sizes that an exponent is fitted on. Time is noisy; memory is not, and its constants are larger. */
const FITTED = { time: 3, memory: 2 };

/** What measuring may add to an exponent before a step counts as worse than its arithmetic. */
export const EXPONENT_TOLERANCE = 0.2;

export function growthLaws(points: readonly GrowthPoint[]): GrowthLaw[] {
  return GROWTH_WORKS.flatMap((work) =>
    axesOf(points).flatMap((axis) => {
      const own = points.filter((point) => point.work === work && point.axis === axis);
      if (own.length < 2) return [];
      const sizes = own.map(({ size }) => size);
      const exponent = (measured: number[], arithmetic: number[], fitted: number) => {
        const largest = sizes.slice(-fitted);
        return {
          measured: powerLawExponent(largest, measured.slice(-fitted)),
          arithmetic: powerLawExponent(largest, arithmetic.slice(-fitted)),
        };
      };
      const at = sizes.map((size) => growthSize(axis, size));
      const megabytes = own.flatMap((point) => point.megabytes ?? []);
      return [{
        work,
        axis,
        time: exponent(
          own.map(({ seconds }) => seconds),
          at.map((size) => growthFlops(work, size)),
          FITTED.time,
        ),
        ...(megabytes.length === own.length && {
          memory: exponent(megabytes, at.map((size) => growthBytes(work, size)), FITTED.memory),
        }),
      }];
    })
  );
}

function axesOf(points: readonly GrowthPoint[]): GrowthAxis[] {
  return [...new Set(points.map(({ axis }) => axis))];
}

/** One sentence for each law that is worse than its arithmetic. */
export function worseThanArithmetic(laws: readonly GrowthLaw[]): string[] {
  return laws.flatMap(({ work, axis, time, memory }) =>
    [["time", time] as const, ["memory", memory] as const].flatMap(([what, exponent]) =>
      exponent === undefined || exponent.measured <= exponent.arithmetic + EXPONENT_TOLERANCE ? [] : [
        `${work}: ${what} grows with ${GROWTH_AXES[axis].about} as its power ${
          exponent.measured.toFixed(2)
        }, its arithmetic as ${exponent.arithmetic.toFixed(2)}`,
      ]
    )
  );
}

/** Points and laws as lines: a row for each work and axis. */
export function growthTable(points: readonly GrowthPoint[], laws: readonly GrowthLaw[]): string[] {
  const rows = [
    ["work", "axis", "size: time, memory", "time ~ size^", "arithmetic", "memory ~ size^", "arithmetic"],
    ...laws.map(({ work, axis, time, memory }) => [
      work,
      GROWTH_AXES[axis].about,
      points.filter((point) => point.work === work && point.axis === axis).map(pointText).join("; "),
      time.measured.toFixed(2),
      time.arithmetic.toFixed(2),
      memory?.measured.toFixed(2) ?? "-",
      memory?.arithmetic.toFixed(2) ?? "-",
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd());
}

function pointText({ size, seconds, megabytes }: GrowthPoint): string {
  const memory = megabytes === undefined ? "" : ` ${Math.round(megabytes)} MB`;
  return `${size}: ${(1000 * seconds).toPrecision(3)} ms${memory}`;
}
