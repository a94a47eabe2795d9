// Exponents of power laws, the arithmetic they are held against, and the sentence about a step that is worse.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  growthLaws,
  type GrowthPoint,
  growthTable,
  worseThanArithmetic,
} from "../../../scripts/bench/growth_laws.ts";
import { growthPlot } from "../../../scripts/bench/growth_plot.ts";
import { GROWTH_AXES, growthBytes, growthFlops, growthSize } from "../../../scripts/bench/growth_points.ts";
import { powerLawExponent } from "../../../scripts/bench/power_law.ts";

describe("powerLawExponent()", () => {
  it("finds the exponent of an exact law, whatever its factor", () => {
    const x = [1, 2, 4, 8];
    assert.ok(Math.abs(powerLawExponent(x, x.map((value) => 7 * value ** 1.5)) - 1.5) < 1e-12);
    assert.ok(Math.abs(powerLawExponent(x, x.map(() => 3))) < 1e-12);
  });

  it("refuses sizes that are all the same, numbers below zero, and lists of different lengths", () => {
    assert.throws(() => powerLawExponent([2, 2], [1, 2]), RangeError);
    assert.throws(() => powerLawExponent([1, 2], [0, 2]), RangeError);
    assert.throws(() => powerLawExponent([1, 2], [1]), RangeError);
  });
});

/** Points of training along the length, with seconds and megabytes by the given functions. */
function alongLength(seconds: (size: number) => number, megabytes: (size: number) => number): GrowthPoint[] {
  return GROWTH_AXES.length.sizes.map((size) => ({
    work: "training",
    axis: "length",
    size,
    seconds: seconds(size),
    megabytes: megabytes(size),
  }));
}
const flops = (size: number) => growthFlops("training", growthSize("length", size));
const bytes = (size: number) => growthBytes("training", growthSize("length", size));

describe("the arithmetic", () => {
  it("is quadratic in the length for attention's time alone", () => {
    const slope = (work: typeof flops, size: number) => Math.log2(work(2 * size) / work(size));
    assert.ok(slope(flops, 64) < 1.3 && slope(flops, 65_536) > 1.9);
    assert.ok(slope(bytes, 64) <= 1 && slope(bytes, 65_536) <= 1);
  });

  it("is linear in batch, the same for each further layer, and between linear and quadratic in width", () => {
    for (const work of ["training", "generation", "scoring"] as const) {
      const exponent = (axis: "batch" | "hidden") => {
        const { sizes } = GROWTH_AXES[axis];
        return powerLawExponent(sizes, sizes.map((size) => growthFlops(work, growthSize(axis, size))));
      };
      assert.ok(Math.abs(exponent("batch") - 1) < 1e-9);
      const [one, two, three] = [1, 2, 3].map((layers) => growthFlops(work, growthSize("layers", layers)));
      assert.ok(two > one);
      assert.equal(three - two, two - one);
      assert.ok(exponent("hidden") > 1 && exponent("hidden") < 2);
    }
  });

  it("of scoring has in the last layer queries, keys and values, and the rest for one token a text: by hand", () => {
    const size = { length: 3, batch: 2, hidden: 8, vocabulary: 5, layers: 1 };
    const last = 2 * (3 * 6 * 8 ** 2 + 18 * 8 ** 2 + 4 * 8 * 3);
    assert.equal(growthFlops("scoring", size), last);
    assert.equal(growthFlops("scoring", { ...size, layers: 2 }), last + 2 * 3 * (24 * 8 ** 2 + 4 * 8 * 3));
  });
});

describe("worseThanArithmetic()", () => {
  const worse = (points: GrowthPoint[]) => worseThanArithmetic(growthLaws(points));

  it("says nothing of steps that grow as their arithmetic does", () => {
    const points = alongLength((size) => 1e-9 * flops(size), (size) => 2e-5 * bytes(size));
    assert.equal(growthLaws(points).length, 1);
    assert.deepEqual(worse(points), []);
  });

  it("names a step whose memory is quadratic in the length", () => {
    const [sentence, ...others] = worse(
      alongLength((size) => 1e-9 * flops(size), (size) => 1e-3 * size ** 2),
    );
    assert.match(
      sentence,
      /^training: memory grows with sequence length as its power 2.00, its arithmetic as 0.\d\d$/,
    );
    assert.deepEqual(others, []);
  });

  it("names a step whose time is", () => {
    assert.match(worse(alongLength((size) => 1e-9 * size ** 3, bytes))[0], /^training: time grows/);
  });
});

describe("growthTable() and growthPlot()", () => {
  const points = alongLength((size) => size / 1000, (size) => 10 + size), laws = growthLaws(points);

  it("has a row for each work and axis with its exponents", () => {
    const [, row] = growthTable(points, laws);
    assert.match(row, /^training +sequence length +64: 64.0 ms 74 MB; .*1024: 1.02e\+3 ms 1034 MB +1.00 /);
  });

  it("draws every point twice, for time and for memory, and nothing that is not a number", () => {
    const svg = growthPlot(points, laws);
    assert.equal(svg.match(/<circle /g)?.length, 2 * points.length);
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
    assert.match(svg, /sequence length: seconds/);
  });

  it("says where memory was not measured", () => {
    const without = points.map(({ work, axis, size, seconds }) => ({ work, axis, size, seconds }));
    assert.match(growthPlot(without, growthLaws(without)), /not measured/);
  });
});
