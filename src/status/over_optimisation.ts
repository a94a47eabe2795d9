// Does the gold measure follow the learned reward? One sentence per iteration. Gains of the learned reward that the gold
// measure does not share are the sign of over-optimisation (of reward learning in general, not of this paper alone).
import { hasGold } from "./charts.ts";
import { rateText, signedText } from "./number_text.ts";
import type { IterationFacts, RunProjection } from "./run_projection.ts";

export interface Verdict {
  iteration: number;
  /** What optimising did to the learned reward. */
  learned: string;
  /** What became of the measure that nobody optimised. */
  gold: string;
  kind: "together" | "apart" | "neither";
  word: string;
}

/** Smaller changes of a slot error are noise of the sample: with 400 prompts an interval is about .02 wide. */
const noise = { slotError: 0.01, nll: 0.02 };

export function verdicts(run: RunProjection): Verdict[] {
  const { iterations } = run;
  return iterations.flatMap((facts) => {
    const before = iterations.find(({ iteration }) => iteration === facts.iteration - 1);
    const verdict = before === undefined ? undefined : verdictOf(run, before, facts);
    return verdict === undefined ? [] : [verdict];
  });
}

function verdictOf(run: RunProjection, before: IterationFacts, facts: IterationFacts): Verdict | undefined {
  const gold = hasGold(run);
  const [was, is] = [before, facts].map(({ evaluation }) =>
    gold ? evaluation?.policy.slotErrorRate?.sampled : evaluation?.policy.negativeLogLikelihood
  );
  const rollouts = run.policyCurve.filter(({ iteration }) => iteration === facts.iteration);
  const [first, last] = [rollouts.at(0), rollouts.at(-1)];
  if (was === undefined || is === undefined || first === undefined || last === undefined) return undefined;
  const text = gold ? rateText : (nats: number) => nats.toFixed(3);
  const learnedGain = last.reward - first.reward;
  const worse = is - was > (gold ? noise.slotError : noise.nll);
  const better = was - is > (gold ? noise.slotError : noise.nll);
  return {
    iteration: facts.iteration,
    learned: `${signedText(first.reward)} → ${signedText(last.reward)}`,
    gold: `${text(was)} → ${text(is)}`,
    ...judged(learnedGain > 0, worse ? "worse" : better ? "better" : "same"),
  };
}

function judged(learnedRose: boolean, gold: "better" | "same" | "worse"): Pick<Verdict, "kind" | "word"> {
  if (gold === "worse") {
    return { kind: "apart", word: learnedRose ? "reward up, measure worse: over-optimised" : "worse" };
  }
  if (gold === "same") return { kind: "neither", word: "no difference beyond noise" };
  return learnedRose
    ? { kind: "together", word: "both better" }
    : { kind: "neither", word: "better without reward" };
}
