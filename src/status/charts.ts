// The curves of a run as data: what is plotted over iterations and over training steps. Drawing is the page script's.
import type { Decodings } from "../../events/mod.ts";
import { rewardRow } from "./report.ts";
import type { IterationFacts, RunProjection } from "./run_projection.ts";

export interface ChartLine {
  label: string;
  /** One per x; null where there is none. */
  values: (number | null)[];
  /** Which of the page's colours. */
  tone: "blue" | "orange" | "green" | "grey";
  /** The scale at the right. */
  right?: boolean;
  /** The scale shows zero. */
  fromZero?: boolean;
  /** The scale shows at least so much, so that noise does not look like a trend. */
  span?: number;
}

export interface Chart {
  id: string;
  title: string;
  /** How to read it, in one sentence. */
  about: string;
  /** Iterations (0 is SFT) or training steps. */
  unit: "iteration" | "step";
  x: number[];
  lines: ChartLine[];
  /** Where between two steps an iteration ends. */
  marks: number[];
}

/** Nats per token. */
const likelihoodSpan = 0.2;

/** Those that have a point already. */
export function iterationCharts(run: RunProjection): Chart[] {
  const facts = evaluated(run);
  const margin = facts.map((of) => rewardRow(of)?.margin ?? null);
  // SFT's own distance, 0, is no news before there is another one.
  const kl = facts.map((of) => facts.length === 1 ? null : of.evaluation?.policy.klToSft ?? null);
  const charts = [
    overIterations("margin", "Reward margin", {
      about:
        "Reward of held-out demonstrations minus that of the policy's samples: at 0 the reward sees no difference.",
      facts,
      lines: [{ label: "margin", values: margin, tone: "blue", fromZero: true }],
    }),
    overIterations("kl", "KL to SFT", {
      about: "How far the policy has moved, in nats per sequence.",
      facts,
      lines: [{ label: "KL", values: kl, tone: "green", fromZero: true }],
    }),
  ];
  return [...charts, hasGold(run) ? slotErrorChart(facts) : likelihoodChart(facts)].filter(hasPoints);
}

/** Those that have a point already; the loss of fine-tuning makes room for that of the reward. */
export function stepCharts(run: RunProjection): Chart[] {
  const { policyCurve, rewardCurve, supervisedCurve } = run;
  return [
    overSteps("rollouts", "Reward of rollouts", {
      about:
        "While the policy is optimised, in the reward's calibrated unit; each iteration has its own reward.",
      points: policyCurve,
      line: { label: "reward", tone: "blue" },
      read: ({ reward }) => reward,
    }),
    overSteps("rollout-kl", "KL of rollouts", {
      about: "While the policy is optimised, in nats per sequence at the rollouts' temperature.",
      points: policyCurve,
      line: { label: "KL", tone: "green", fromZero: true },
      read: ({ kl }) => kl,
    }),
    overSteps("reward-loss", "Loss of the reward", {
      about: "Nats per pair (Eq. 11); ln 2 = 0.693 is a coin toss.",
      points: rewardCurve,
      line: { label: "loss", tone: "orange" },
      read: ({ loss }) => loss,
    }),
    overSteps("supervised-loss", "Loss of fine-tuning", {
      about: "Nats per token of demonstrations (Eq. 1).",
      points: rewardCurve.length === 0 ? supervisedCurve : [],
      line: { label: "loss", tone: "orange" },
      read: ({ loss }) => loss,
    }),
  ].filter(hasPoints);
}

/** What the policy is optimised for beside what it is for: they must fall together. */
export function overOptimisationChart(run: RunProjection): Chart {
  const facts = evaluated(run);
  const gold = hasGold(run);
  return overIterations("over-optimisation", "Learned against gold", {
    about: "",
    facts,
    lines: [
      {
        label: "reward margin",
        values: facts.map((of) => rewardRow(of)?.margin ?? null),
        tone: "blue",
        fromZero: true,
      },
      {
        label: gold ? "slot error at T = 1" : "held-out nll",
        values: facts.map(({ evaluation }) =>
          (gold ? evaluation?.policy.slotErrorRate?.sampled : evaluation?.policy.negativeLogLikelihood) ??
            null
        ),
        tone: "orange",
        right: true,
        ...(gold ? { fromZero: true } : { span: likelihoodSpan }),
      },
    ],
  });
}

function hasPoints({ lines }: Chart): boolean {
  return lines.some(({ values }) => values.some((value) => value !== null));
}

/** Whether the task has a gold measure, or will have one when its data are loaded. */
export function hasGold({ loaded, config }: RunProjection): boolean {
  return loaded === undefined ? config.task.kind !== "own" : loaded.gold !== null;
}

function slotErrorChart(facts: readonly IterationFacts[]): Chart {
  const values = (decoding: keyof Decodings) =>
    facts.map(({ evaluation }) => evaluation?.policy.slotErrorRate?.[decoding] ?? null);
  return overIterations("slot-error", "Slot error", {
    about: "Share of slots that are missing, wrong or added: the gold measure.",
    facts,
    lines: [
      { label: "T = 1", values: values("sampled"), tone: "orange", fromZero: true },
      { label: "T = 0.5", values: values("tempered"), tone: "green" },
      { label: "greedy", values: values("greedy"), tone: "blue" },
    ],
  });
}

function likelihoodChart(facts: readonly IterationFacts[]): Chart {
  return overIterations("likelihood", "Held-out likelihood", {
    about: "Nats per token of held-out demonstrations under the policy; there is no gold measure.",
    facts,
    lines: [{
      label: "nll",
      values: facts.map(({ evaluation }) => evaluation?.policy.negativeLogLikelihood ?? null),
      tone: "orange",
      span: likelihoodSpan,
    }],
  });
}

function evaluated({ iterations }: RunProjection): IterationFacts[] {
  return iterations.filter(({ evaluation }) => evaluation !== undefined);
}

function overIterations(
  id: string,
  title: string,
  content: { about: string; facts: readonly IterationFacts[]; lines: ChartLine[] },
): Chart {
  const { about, facts, lines } = content;
  return {
    id,
    title,
    about,
    unit: "iteration",
    x: facts.map(({ iteration }) => iteration),
    lines,
    marks: [],
  };
}

/** Lines are broken where an iteration ends: the next one has another reward. */
function overSteps<Point extends { iteration: number; step: number }>(
  id: string,
  title: string,
  content: {
    about: string;
    points: readonly Point[];
    line: Omit<ChartLine, "values">;
    read(point: Point): number;
  },
): Chart {
  const { about, points, line, read } = content;
  const x: number[] = [], values: (number | null)[] = [], marks: number[] = [];
  for (const [i, point] of points.entries()) {
    const before = points[i - 1];
    if (before !== undefined && before.iteration !== point.iteration) {
      marks.push(before.step + 0.5);
      x.push(before.step + 0.5);
      values.push(null);
    }
    x.push(point.step);
    values.push(read(point));
  }
  return { id, title, about, unit: "step", x, lines: [{ ...line, values }], marks };
}
