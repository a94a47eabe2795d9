// Browser script 1 of 2: draws every [data-plot] with uPlot, in the page's colours. The data come from charts.ts.
// Classic script: its functions are globals of the page.

/**
 * @typedef {{ label: string, values: (number | null)[], tone: string, right?: boolean, fromZero?: boolean,
 *   span?: number }} ChartLine
 * @typedef {{ unit: "iteration" | "step", x: number[], lines: ChartLine[], marks: number[] }} Chart
 */

/** Drawn plots by their place, so that they can be taken down before they are drawn again. */
const drawnPlots = new Map();

/** Draws what is not drawn yet under `root`, and forgets what has left the page. */
function drawPlots(/** @type {ParentNode} */ root) {
  for (const [place, stop] of drawnPlots) {
    if (!place.isConnected) {
      stop();
      drawnPlots.delete(place);
    }
  }
  for (const place of root.querySelectorAll("[data-plot]")) {
    if (place instanceof HTMLElement && !drawnPlots.has(place)) drawnPlots.set(place, drawPlot(place));
  }
}

// deno-lint-ignore no-unused-vars -- called by page_script.js
function redrawPlots() {
  for (const stop of drawnPlots.values()) stop();
  drawnPlots.clear();
  drawPlots(document);
}

/** @returns {() => void} takes the plot down */
function drawPlot(/** @type {HTMLElement} */ place) {
  /** @type {Chart} */
  const chart = JSON.parse(place.dataset.plot ?? "{}");
  const size = () => ({ width: Math.max(160, place.clientWidth), height: 170 });
  const plot = new uPlot(
    { ...size(), ...plotOptions(chart) },
    [chart.x, ...chart.lines.map(({ values }) => values)],
    place,
  );
  // The plot empties its legend once more when it is first painted.
  requestAnimationFrame(() => showLast(plot, chart));
  plot.over.addEventListener("mouseleave", () => showLast(plot, chart));
  const observer = new ResizeObserver(() => plot.setSize(size()));
  observer.observe(place);
  return () => {
    observer.disconnect();
    plot.destroy();
  };
}

/** The legend tells the newest numbers while nobody points at others. */
function showLast(plot, /** @type {Chart} */ { x }) {
  plot.setLegend({ idx: x.length - 1 });
}

function plotOptions(/** @type {Chart} */ chart) {
  const colour = (/** @type {string} */ name) =>
    getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: colour("quiet"),
    font: "12px system-ui, sans-serif",
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
  };
  const name = (/** @type {number} */ x) =>
    chart.unit === "step" ? String(Math.round(x)) : x === 0 ? "SFT" : String(x);
  const xAxis = {
    ...axis,
    size: 30,
    space: 60,
    grid: { show: false },
    ...(chart.unit === "iteration" ? { splits: () => chart.x } : {}),
    values: (_plot, /** @type {number[]} */ splits) => splits.map(name),
  };
  const right = chart.lines.find((line) => line.right);
  const side = { ...axis, size: 54 };
  return {
    scales: {
      x: { time: false, range: xRange(chart) },
      y: { range: yRange(chart.lines.filter((line) => !line.right)) },
      ...(right === undefined ? {} : { right: { range: yRange([right]) } }),
    },
    axes: [
      xAxis,
      side,
      ...(right === undefined ? [] : [{ ...side, scale: "right", side: 1, grid: { show: false } }]),
    ],
    series: [
      { label: chart.unit, value: (_plot, /** @type {number | null} */ x) => x === null ? "" : name(x) },
      ...chart.lines.map((line) => lineOptions(line, colour(line.tone), chart)),
    ],
    legend: { markers: { fill: (plot, i) => plot.series[i].stroke() } },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    hooks: { drawClear: [(plot) => drawMarks(plot, chart.marks, colour("line"))] },
  };
}

function lineOptions(
  /** @type {ChartLine} */ { label, right },
  /** @type {string} */ stroke,
  /** @type {Chart} */ { unit, x },
) {
  return {
    label,
    stroke,
    width: 2,
    scale: right ? "right" : "y",
    points: { show: unit === "iteration" || x.length < 30, size: unit === "iteration" ? 7 : 4, fill: stroke },
    value: (_plot, /** @type {number | null} */ value) => value === null ? "–" : value.toFixed(3),
  };
}

function xRange(/** @type {Chart} */ { unit, x }) {
  const first = x[0], last = x[x.length - 1];
  return () => unit === "iteration" ? [first - 0.25, last + 0.25] : [0, last * 1.03];
}

function yRange(/** @type {ChartLine[]} */ lines) {
  const fromZero = lines.some((line) => line.fromZero),
    span = Math.max(0, ...lines.map((line) => line.span ?? 0));
  return (_plot, /** @type {number | null} */ low, /** @type {number | null} */ high) => {
    const bottom = fromZero ? Math.min(0, low ?? 0) : low ?? 0,
      top = fromZero ? Math.max(0, high || 1) : high ?? 1;
    const pad = Math.max((top - bottom || Math.abs(top) || 1) * 0.1, (span - (top - bottom)) / 2);
    return [fromZero && bottom === 0 ? 0 : bottom - pad, fromZero && top === 0 ? 0 : top + pad];
  };
}

/** Upright lines where an iteration ends. */
function drawMarks(plot, /** @type {number[]} */ marks, /** @type {string} */ stroke) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = stroke;
  for (const mark of marks) {
    const x = Math.round(plot.valToPos(mark, "x", true)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
