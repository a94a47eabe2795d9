// Our half of the work "demo": one iteration of Algorithm 1 on the preset `demo`. Tunes the first policy before the clock starts,
// and writes it and all texts as tokens for the peer.
import { join } from "node:path";
import { RunConfig } from "../../events/mod.ts";
import type { Digest } from "../../src/base/ports.ts";
import { keyFromSeed } from "../../src/base/random.ts";
import { loadTokenizer } from "../../src/data/load_tokenizer.ts";
import { PRESETS } from "../../src/irl/presets.ts";
import { readModel } from "../../src/irl/run_artifacts.ts";
import type { StepPorts } from "../../src/irl/step_ports.ts";
import { rewardFromPolicy } from "../../src/model/initial_parameters.ts";
import { loadData, type LoadedData, storeData } from "../load_data.ts";
import { writeModelFolder } from "./bench_models.ts";
import type { SpecOf } from "./bench_protocol.ts";
import { iterate, type Iteration, tune } from "./demo_iteration.ts";
import type { PreparedWork } from "./our_side.ts";

export async function prepareDemo(
  spec: SpecOf<"demo">,
  ports: StepPorts,
  folder: string,
): Promise<PreparedWork> {
  const config = demoConfig(spec);
  const loaded = await loadData(config, { fields: { prompt: "prompt", completion: "completion" } });
  const data = await storeData(loaded, ports.artifacts);
  const iteration: Iteration = { config, data, ports }, sft = await tune(iteration);
  await writeForPeer(folder, { config, loaded, sft, ports });
  // What is compiled at first use is compiled once in a run, too.
  await iterate(iteration, sft, { policySteps: 12, rewardSteps: 24 });
  return {
    checks: { demonstrations: data.numDemonstrations, prompts: data.numPrompts },
    run: () => iterate(iteration, sft, { policySteps: spec.policySteps }),
  };
}

function demoConfig(spec: SpecOf<"demo">): RunConfig {
  const { demo } = PRESETS;
  const { demonstrations, evaluationPrompts } = spec;
  return RunConfig.parse({
    ...demo,
    task: { ...demo.task, demonstrations, prompts: Math.ceil(1.5 * demonstrations), evaluationPrompts },
    supervised: { ...demo.supervised, epochs: spec.supervisedEpochs },
    policy: { ...demo.policy, steps: spec.policySteps },
  });
}

/** The tuned policy, a fresh reward network on its body, and all texts as tokens. */
async function writeForPeer(
  folder: string,
  { config, loaded, sft, ports }: { config: RunConfig; loaded: LoadedData; sft: Digest; ports: StepPorts },
): Promise<void> {
  const { model, flat } = await readModel(ports, sft), tokenizer = loadTokenizer(loaded.tokenizer);
  const { eosId, padId, unkId } = tokenizer, { rows } = loaded;
  const reward = rewardFromPolicy(flat, model, { key: keyFromSeed(config.seed) });
  await writeModelFolder(join(folder, "policy"), model, { flat, eos: eosId, pad: padId });
  await writeModelFolder(join(folder, "reward"), { ...model, head: "reward" }, {
    flat: reward,
    eos: eosId,
    pad: padId,
  });
  const ended = (text: string) => [...tokenizer.encode(text), eosId];
  const { generation, policy, evaluation } = config;
  const tokens = {
    eos: eosId,
    pad: padId,
    unk: unkId ?? padId,
    demonstrations: rows.demonstrations.map((
      { prompt, completion },
    ) => [tokenizer.encode(prompt), ended(completion)]),
    prompts: rows.prompts.map((prompt) => tokenizer.encode(prompt)),
    evaluation: rows.evaluation.map((
      { prompt, completions },
    ) => [tokenizer.encode(prompt), completions.map(ended)]),
    settings: { generation, reward: config.reward, policy, evaluation },
  };
  await Deno.writeTextFile(join(folder, "data.json"), JSON.stringify(tokens));
}
