// A plan as text: the model, the memory of every actor part by part, the work of every step and its time on a device.
import { type ComputeDevice, workSeconds } from "../../src/irl/compute_devices.ts";
import type { StepMemory } from "../../src/irl/memory_budget.ts";
import { gigabytes, memoryByPlace, type PlanBudget } from "../../src/irl/plan_budget.ts";
import type { StepWork } from "../../src/irl/work_budget.ts";

export interface PlanTextOptions {
  preset: string;
  tier: string;
  device: { name: string; facts: ComputeDevice };
  /** Whether tensors lie in a memory of the device's own. */
  hasDeviceMemory: boolean;
  /** What this machine says to it, as a sentence: that it fits, or what to change and what is short. */
  verdict: string;
}

export function planLines(
  budget: PlanBudget,
  { preset, tier, device, hasDeviceMemory, verdict }: PlanTextOptions,
): string[] {
  const { numParameters, actors, steps } = budget;
  return [
    `Plan of "${preset}", tier ${tier}. Estimates: nothing was run.`,
    `Model   ${wholeText(numParameters.policy)} parameters, reward ${
      wholeText(numParameters.reward)
    }, float32`,
    `Data    ${dataText(budget)}`,
    "",
    "Memory of each actor's process at its peak, step by step",
    ...actors.flatMap(({ steps }) => steps.flatMap(memoryLines)),
    `all actors together ${togetherText(budget, hasDeviceMemory)}`,
    verdict,
    "",
    `Work of the whole run, on ${device.name} (${device.facts.about})`,
    ...table([
      ["step", "updates", "trained", "scored", "generated", "operations", "time"],
      ...steps.map((step) => workRow(step, device.facts)),
      totalRow(steps, device.facts),
    ]),
    `Times take ${percent(device.facts.utilisation)} of ${
      scientific(device.facts.peakOperations)
    } operations a second, and for drawn ` +
    `tokens ${percent(device.facts.bandwidthShare)} of ${
      scientific(device.facts.memoryBandwidth)
    } bytes a second ` +
    `(${device.facts.source}).`,
  ];
}

function togetherText(budget: PlanBudget, hasDeviceMemory: boolean): string {
  if (!hasDeviceMemory) return gigabytes(budget.actors.reduce((sum, { peakBytes }) => sum + peakBytes, 0));
  const { hostBytes, deviceBytes } = memoryByPlace(budget);
  return `${gigabytes(hostBytes)} of the machine's memory and ${gigabytes(deviceBytes)} of the device's`;
}

function dataText({ data }: PlanBudget): string {
  const { prompt, completion, isMeasured } = data;
  const lengths = isMeasured
    ? `prompts of ${Math.round(prompt.mean)} tokens (longest ${prompt.longest}), completions of ` +
      `${Math.round(completion.mean)} (longest ${completion.longest})`
    : `at most ${prompt.longest} tokens of prompt and ${completion.longest} of completion, which all rows are taken to ` +
      `have (--data measures them)`;
  return `${wholeText(data.numDemonstrations)} demonstrations, ${
    wholeText(data.numPrompts)
  } prompts; ${lengths}`;
}

/** Smaller shares of a peak are not worth a word. */
const LEAST_SHARE = 0.01;

function memoryLines({ step, role, parts, peakBytes }: StepMemory): string[] {
  const largest = [...parts].sort((a, b) => b.bytes - a.bytes)
    .filter(({ bytes }) => bytes >= LEAST_SHARE * peakBytes)
    .map(({ what, bytes }) => `${what} ${gigabytes(bytes)}`);
  return [
    `  ${role}, ${step}: ${gigabytes(peakBytes)}`,
    `    ${largest.join(", ")}`,
  ];
}

function workRow(work: StepWork, device: ComputeDevice): string[] {
  return [
    work.step,
    wholeText(work.updates),
    scientific(work.tokensTrained),
    scientific(work.tokensScored),
    scientific(work.tokensGenerated),
    scientific(work.operations + work.drawingOperations),
    timeText(workSeconds(work, device)),
  ];
}

function totalRow(steps: readonly StepWork[], device: ComputeDevice): string[] {
  const sum = (of: (work: StepWork) => number) => steps.reduce((total, step) => total + of(step), 0);
  return [
    "all",
    wholeText(sum(({ updates }) => updates)),
    scientific(sum(({ tokensTrained }) => tokensTrained)),
    scientific(sum(({ tokensScored }) => tokensScored)),
    scientific(sum(({ tokensGenerated }) => tokensGenerated)),
    scientific(sum(({ operations, drawingOperations }) => operations + drawingOperations)),
    timeText(sum((work) => workSeconds(work, device))),
  ];
}

/** Columns of text: the first flush left, the others flush right. */
export function table(rows: readonly string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    "  " + row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))
      .join("  ")
  );
}

function timeText(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(0)} s`;
  if (seconds < 5400) return `${(seconds / 60).toFixed(0)} min`;
  return seconds < 360_000 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(0)} days`;
}

function scientific(value: number): string {
  return value === 0 ? "0" : value.toExponential(1).replace("e+", "e");
}

function wholeText(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
