// The growth curves as one SVG: a column for each axis, time above memory, both scales logarithmic, a line for each work with
// its exponent.
import type { GrowthLaw, GrowthPoint } from "./growth_laws.ts";
import { GROWTH_AXES, GROWTH_WORKS, type GrowthAxis, type GrowthWork } from "./growth_points.ts";

const PANEL = { width: 250, height: 210, left: 46, right: 12, top: 30, bottom: 30 };
const COLOURS: Readonly<Record<GrowthWork, string>> = {
  training: "#1f77b4",
  generation: "#d95f02",
  scoring: "#2a9d4e",
};
const MEASURES = [
  { key: "seconds", law: "time", title: "seconds" },
  { key: "megabytes", law: "memory", title: "megabytes" },
] as const;
type Measure = (typeof MEASURES)[number];

export function growthPlot(points: readonly GrowthPoint[], laws: readonly GrowthLaw[]): string {
  const axes = [...new Set(points.map(({ axis }) => axis))];
  const width = PANEL.width * Math.max(1, axes.length), height = PANEL.height * MEASURES.length + 24;
  const panels = MEASURES.flatMap((measure, row) =>
    axes.map((axis, column) =>
      `<g transform="translate(${column * PANEL.width} ${row * PANEL.height})">${
        panel(points.filter((point) => point.axis === axis), { axis, measure, laws })
      }</g>`
    )
  );
  const legend = GROWTH_WORKS.map((work, i) =>
    `<text x="${PANEL.left + 120 * i}" y="${height - 8}" fill="${COLOURS[work]}">${work}</text>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...panels,
    ...legend,
    `<text x="${PANEL.left + 120 * GROWTH_WORKS.length}" y="${
      height - 8
    }">memory: beyond that of the libraries</text>`,
    "</svg>\n",
  ].join("\n");
}

interface PanelOptions {
  axis: GrowthAxis;
  measure: Measure;
  laws: readonly GrowthLaw[];
}

function panel(points: readonly GrowthPoint[], { axis, measure, laws }: PanelOptions): string {
  const shown = points.filter((point) => point[measure.key] !== undefined);
  const values = shown.map((point) => point[measure.key] ?? 1),
    sizes = [...new Set(shown.map(({ size }) => size))];
  if (values.length === 0) {
    return `<text x="${PANEL.left}" y="${PANEL.top}">${measure.title}: not measured</text>`;
  }
  const across = logScale(sizes, PANEL.left, PANEL.width - PANEL.right);
  const decades = decadesOf(values), up = logScale(decades, PANEL.height - PANEL.bottom, PANEL.top);
  const right = PANEL.width - PANEL.right;
  return [
    `<text x="${PANEL.left}" y="14" font-weight="bold">${GROWTH_AXES[axis].about}: ${measure.title}</text>`,
    ...decades.map((value) =>
      `<path d="M${PANEL.left} ${up(value)}H${right}" stroke="#ddd"/><text x="${PANEL.left - 4}" y="${
        up(value) + 4
      }" text-anchor="end">${value}</text>`
    ),
    ...sizes.map((size) =>
      `<text x="${across(size)}" y="${PANEL.height - PANEL.bottom + 14}" text-anchor="middle">${size}</text>`
    ),
    ...GROWTH_WORKS.map((work, i) =>
      line(shown.filter((point) => point.work === work), { across, up, measure }) +
      exponentText(laws.find((law) => law.work === work && law.axis === axis)?.[measure.law], work, i)
    ),
  ].join("");
}

function line(
  points: readonly GrowthPoint[],
  { across, up, measure }: { across: Scale; up: Scale; measure: Measure },
): string {
  if (points.length === 0) return "";
  const places = points.map((point) => [across(point.size), up(point[measure.key] ?? 1)]);
  const colour = COLOURS[points[0].work];
  return `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${
    places.map((place) => place.join(",")).join(" ")
  }"/>` + places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="2.5" fill="${colour}"/>`).join("");
}

function exponentText(exponent: GrowthLaw["time"] | undefined, work: GrowthWork, row: number): string {
  if (exponent === undefined) return "";
  return `<text x="${PANEL.left + 4}" y="${PANEL.top + 10 + 12 * row}" fill="${
    COLOURS[work]
  }" stroke="#fff" stroke-width="3" paint-order="stroke">^${exponent.measured.toFixed(2)} (arithmetic ${
    exponent.arithmetic.toFixed(2)
  })</text>`;
}

type Scale = (value: number) => number;

function logScale(values: readonly number[], from: number, to: number): Scale {
  const low = Math.log(Math.min(...values)), high = Math.log(Math.max(...values));
  return (value) =>
    Math.round(10 * (from + (to - from) * (Math.log(value) - low) / Math.max(1e-9, high - low))) / 10;
}

/** Powers of ten around the values. */
function decadesOf(values: readonly number[]): number[] {
  const low = Math.floor(Math.log10(Math.min(...values))), high = Math.ceil(Math.log10(Math.max(...values)));
  return Array.from(
    { length: Math.max(2, high - low + 1) },
    (_, i) => Number((10 ** (low + i)).toPrecision(1)),
  );
}
