// One event as one line for people. The log is the truth; this is a rendering of it.
import type { RunEvent, StepName } from "../events/mod.ts";
import { countText, durationText, rateText, signedText } from "../src/status/number_text.ts";
import { plainLine } from "../src/status/plain_text.ts";
import { eventOf, type RunRecord, secondsOf } from "../src/status/run_record.ts";

/** `12  GenerationsSampled   iteration 1, shard 1: 4,000 generations, 78.7k tokens (14 s)` */
export function renderEvent(record: RunRecord): string {
  const event = eventOf(record), seconds = secondsOf(record);
  const took = seconds === 0 ? "" : ` (${seconds < 10 ? `${seconds.toFixed(1)} s` : durationText(seconds)})`;
  return `${String(record.seq).padStart(4)}  ${event.type.padEnd(21)}${plainLine(details(event))}${took}`;
}

function details(event: RunEvent): string {
  switch (event.type) {
    case "RunStarted": {
      const { config, tier } = event.data;
      return `preset ${config.preset}, seed ${config.seed}, ${config.iterations} iterations, tier ${tier.name}`;
    }
    case "DemonstrationsLoaded": {
      const { numDemonstrations, numPrompts, numEvaluationPrompts, vocabularySize } = event.data;
      return `${whole(numDemonstrations)} demonstrations, ${whole(numPrompts)} prompts, ` +
        `${whole(numEvaluationPrompts)} held-out prompts, ${whole(vocabularySize)} tokens known`;
    }
    case "SupervisedTuned":
      return `${steps(event.data)}: loss ${event.data.loss.toFixed(3)} nats a token`;
    case "GenerationsSampled": {
      const { iteration, shard, numGenerations, tokensGenerated, finishedShare } = event.data;
      return `iteration ${iteration}, shard ${shard + 1}: ${whole(numGenerations)} generations, ` +
        `${countText(tokensGenerated)} tokens, ${rateText(finishedShare)} ended by themselves`;
    }
    case "RewardLearned": {
      const { iteration, loss, result } = event.data;
      const held = result === null ? "" : `, held-out pairs ${rateText(result.heldOutPairAccuracy)}`;
      return `iteration ${iteration}, ${steps(event.data)}: loss ${loss.toFixed(3)} nats a pair${held}`;
    }
    case "PolicyOptimised": {
      const { iteration, reward, kl } = event.data;
      return `iteration ${iteration}, ${steps(event.data)}: reward ${signedText(reward)}, KL ${
        kl.toFixed(2)
      } nats`;
    }
    case "PolicyEvaluated": {
      const { iteration, policy } = event.data;
      const exact = policy.exactShare === undefined
        ? ""
        : `, exact at T = 1 ${rateText(policy.exactShare.sampled)}, greedy ${
          rateText(policy.exactShare.greedy)
        }`;
      return `${iterationText(iteration)}: ${policy.negativeLogLikelihood.toFixed(3)} nats a token${exact}`;
    }
    case "IterationCompleted":
      return iterationText(event.data.iteration);
    case "RunCompleted":
      return event.data.iterations === 1 ? "1 iteration" : `${event.data.iterations} iterations`;
    case "StepFailed":
      return `${failed(event.data)}: ${event.data.reason}, ${event.data.message.split("\n")[0]}`;
    case "StepTimedOut":
      return `${failed(event.data)}: no progress for ${event.data.stallMs / 1000} s`;
    case "StepRetried":
      return failed(event.data);
    case "RunPaused":
      return event.data.reason;
    case "RunResumed":
      return `version ${event.data.software}`;
    case "RunFailed":
      return event.data.message.split("\n")[0];
    default:
      return event satisfies never;
  }
}

/** What a person calls a step. */
export const STEP_WORDS: Readonly<Record<StepName, string>> = {
  sft: "supervised tuning",
  generate: "sampling generations",
  reward: "learning the reward",
  policy: "optimising the policy",
  evaluate: "evaluating",
};

function steps(
  { fromStep, toStep, numSteps }: { fromStep: number; toStep: number; numSteps: number },
): string {
  return `steps ${fromStep + 1}-${toStep} of ${numSteps}`;
}

function failed(place: { iteration: number; step: StepName; shard: number; attempt: number }): string {
  const shard = place.step === "generate" ? `, shard ${place.shard + 1}` : "";
  return `iteration ${place.iteration}, ${STEP_WORDS[place.step]}${shard}, attempt ${place.attempt}`;
}

function iterationText(iteration: number): string {
  return iteration === 0 ? "SFT" : `iteration ${iteration}`;
}

function whole(count: number): string {
  return count.toLocaleString("en-US");
}
