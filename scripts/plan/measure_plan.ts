// `deno task plan PRESET --measure`: the first steps of every kind, each in a process of its own as an actor runs it, on made-up rows
// (measured_command.ts); the peak of its memory beside the estimate.
import type { RunConfig } from "../../events/mod.ts";
import { lanesOf } from "../../src/compute/lanes.ts";
import type { TierOptions } from "../../src/compute/tier.ts";
import type { PlanData } from "../../src/irl/plan_data.ts";
import { gigabytes, planBudget } from "../../src/irl/plan_budget.ts";
import { PLANNED_STEPS, type PlannedStep } from "../../src/irl/step_sizes.ts";
import { openFileArtifacts } from "../../src/store/file_artifacts.ts";
import { exitNow } from "../exit_now.ts";
import { measuredCommand, storeMeasuredRows } from "./measured_command.ts";
import { measureStep } from "./measure_step.ts";
import { table } from "./plan_text.ts";

export interface MeasuredPlan {
  step: PlannedStep;
  estimatedBytes: number;
  measuredBytes: number;
  /** Estimate / measurement. */
  ratio: number;
}

/** One row a step; `told` hears what is being measured. */
export async function measurePlan(
  config: RunConfig,
  data: PlanData,
  { tier, told }: { tier: TierOptions; told: (text: string) => void },
): Promise<MeasuredPlan[]> {
  const budget = planBudget(config, data, tier.name, lanesOf(tier)), measured: MeasuredPlan[] = [];
  const folder = await Deno.makeTempDir({ prefix: "plan-" });
  const interrupt = () => {
    Deno.removeSync(folder, { recursive: true });
    exitNow(130);
  };
  Deno.addSignalListener("SIGINT", interrupt);
  try {
    told("preparing rows and models");
    const rows = await storeMeasuredRows(config, data, openFileArtifacts(folder));
    for (const step of PLANNED_STEPS) {
      const estimate = budget.actors.flatMap(({ steps }) => steps).find((memory) => memory.step === step);
      if (estimate === undefined) continue;
      told(`measuring ${step}`);
      const { peakMegabytes } = await measureStep(measuredCommand(step, rows), { folder, tier });
      const estimatedBytes = estimate.peakBytes, measuredBytes = peakMegabytes * 1e6;
      measured.push({ step, estimatedBytes, measuredBytes, ratio: estimatedBytes / measuredBytes });
    }
    return measured;
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
    await Deno.remove(folder, { recursive: true });
  }
}

export function measuredLines(measured: readonly MeasuredPlan[]): string[] {
  return table([
    ["step", "estimate", "measured", "ratio"],
    ...measured.map(({ step, estimatedBytes, measuredBytes, ratio }) => [
      step,
      gigabytes(estimatedBytes),
      gigabytes(measuredBytes),
      ratio.toFixed(2),
    ]),
  ]);
}
