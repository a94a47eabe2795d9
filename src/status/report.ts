// `report --json`: a run's numbers in one fixed form, projected from its log at any event.
import { z } from "zod";
import { RewardRow, Row, TierRecord } from "../../events/mod.ts";
import { type IterationFacts, projectRun, RUN_STATES, type RunProjection } from "./run_projection.ts";
import type { RunRecord } from "./run_record.ts";

const count = z.number().int().nonnegative();
const hash = z.string().regex(/^[0-9a-f]{64}$/);

export const Report = z.strictObject({
  run: z.string(),
  preset: z.string(),
  seed: count,
  state: z.enum(RUN_STATES),
  tier: TierRecord.shape.name,
  threads: TierRecord.shape.threads,
  digests: z.strictObject({
    /** Hash of the log's last line. */
    log: hash,
    /** What the run did, without when and after how many tries. */
    outcome: hash.nullable(),
    /** sha256 of model.safetensors of the last completed iteration; null before there is one. */
    policy: hash.nullable(),
    reward: hash.nullable(),
  }),
  /** Null until iteration 0 is evaluated. */
  demonstrations: Row.nullable(),
  sft: Row.nullable(),
  /** Those that are evaluated, from 1. */
  iterations: z.array(z.strictObject({
    iteration: z.number().int().positive(),
    policy: Row,
    reward: RewardRow,
    /** What learning cost; evaluation is not counted. Samples: generations and rollouts. */
    budget: z.strictObject({
      samples: count,
      tokensGenerated: count,
      tokensTrained: count,
      updates: count,
      seconds: z.number().nonnegative(),
    }),
  })),
});
export type Report = z.infer<typeof Report>;

/** `outcome` is computed by the caller, who knows how. Throws SchemaError when the records are not the beginning of a run. */
export function projectReport(
  records: readonly RunRecord[],
  digests: { outcome: string | null },
): Report {
  return reportOf(projectRun(records), digests);
}

export function reportOf(run: RunProjection, digests: { outcome: string | null }): Report {
  const { config, started, iterations } = run;
  const sft = iterations.find(({ iteration }) => iteration === 0)?.evaluation;
  const completed = iterations.findLast((facts) => facts.completed !== undefined)?.completed;
  return {
    run: run.run,
    preset: config.preset,
    seed: config.seed,
    state: run.state,
    tier: started.tier.name,
    threads: started.tier.threads,
    digests: {
      log: run.head,
      outcome: digests.outcome,
      policy: hashOf(completed?.policy),
      reward: hashOf(completed?.reward),
    },
    demonstrations: sft?.demonstrations ?? null,
    sft: sft?.policy ?? null,
    iterations: iterations.flatMap(reportedIteration),
  };
}

/** Reward and gold numbers of an iteration's reward; undefined until it is learned and evaluated. */
export function rewardRow({ reward, evaluation }: IterationFacts): RewardRow | undefined {
  const measured = evaluation?.reward;
  if (reward === undefined || measured === undefined || measured === null) return undefined;
  return {
    heldOutPairAccuracy: reward.heldOutPairAccuracy,
    ...(measured.goldPair === undefined ? {} : { goldPairAccuracy: measured.goldPair.accuracy }),
    ...(measured.preferences === undefined ? {} : { preferenceAccuracy: measured.preferences }),
    calibration: reward.calibration,
    margin: measured.margin,
  };
}

function reportedIteration(facts: IterationFacts): Report["iterations"] {
  const reward = rewardRow(facts);
  if (facts.iteration === 0 || facts.evaluation === undefined || reward === undefined) return [];
  return [{
    iteration: facts.iteration,
    policy: facts.evaluation.policy,
    reward,
    budget: { ...facts.budget },
  }];
}

function hashOf(digest: string | null | undefined): string | null {
  return digest?.replace(/^sha256:/, "") ?? null;
}
