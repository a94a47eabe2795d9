// Our half of the work "inner-loop": updates of the policy optimiser that a run uses, RLOO: rollouts, rewards, log-probabilities
// of the reference, one AdamW step.
import * as tf from "@tensorflow/tfjs-core";
import { PolicyConfig } from "../../events/run_config.ts";
import { keyFromSeed } from "../../src/base/random.ts";
import type { Tokenizer } from "../../src/data/tokenizer.ts";
import type { PolicyTask } from "../../src/irl/policy_task.ts";
import { openRloo } from "../../src/irl/rloo_updates.ts";
import type { StepPorts } from "../../src/irl/step_ports.ts";
import { trainWhole } from "../../src/irl/trained_model.ts";
import { benchParameters, benchShape, EOS, madeUpTokens, PAD } from "./bench_models.ts";
import type { SpecOf } from "./bench_protocol.ts";
import type { PreparedWork } from "./our_side.ts";

export async function prepareInnerLoop(spec: SpecOf<"inner-loop">, ports: StepPorts): Promise<PreparedWork> {
  const updates = await openRloo(policyTask(spec, ports));
  let step = 0;
  const run = async () => {
    const { tokensGenerated, tokensTrained, reward, kl } = await updates.update(step++);
    return { tokensGenerated, tokensTrained, "reward of rollouts": reward, "kl of rollouts": kl };
  };
  const checks = await run();
  await run();
  return { checks, run };
}

function policyTask(spec: SpecOf<"inner-loop">, ports: StepPorts): PolicyTask {
  const policy = benchShape(spec.model, "policy"), rewardModel = benchShape(spec.model, "reward");
  const { vocabulary } = spec.model, start = benchParameters(policy), numSteps = 1e9, none = "none";
  return {
    command: {
      type: "OptimisePolicy",
      role: "policy-optimizer",
      v: 1,
      id: "bench",
      run: "bench",
      iteration: 1,
      shard: 0,
      chunk: 0,
      attempt: 1,
      key: keyFromSeed(1),
      tokenizer: none,
      state: null,
      fromStep: 0,
      toStep: numSteps,
      numSteps,
      policy: none,
      reference: none,
      reward: none,
      prompts: none,
      settings: PolicyConfig.parse({
        promptsPerStep: spec.prompts,
        samplesPerPrompt: spec.samplesPerPrompt,
        maxNewTokens: spec.newTokens,
        temperature: 1,
        warmupSteps: 0,
        noEosPenalty: 0,
      }),
      lora: null,
    },
    ports,
    policy,
    trained: trainWhole(ports, policy, () => Promise.resolve(start)),
    reference: tf.tensor1d(start),
    rewardModel,
    reward: tf.tensor1d(benchParameters(rewardModel)),
    prompts: madeUpTokens(spec.prompts, spec.promptTokens, { vocabulary, seed: 0 }),
    tokenizer: numbersOnly(vocabulary),
    // No text ends early: both sides make the same number of tokens.
    forbidden: [EOS, PAD],
  };
}

/** The ids of a vocabulary without words. */
function numbersOnly(vocabularySize: number): Tokenizer {
  return {
    encode: () => [],
    decode: (ids) => ids.join(" "),
    unknownWords: () => [],
    tokenToId: () => undefined,
    idToToken: () => undefined,
    vocabularySize,
    eosId: EOS,
    padId: PAD,
  };
}
