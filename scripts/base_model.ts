// The model that a run starts from: the policy in the folder of `--model` (pretrained) or `--sft` (tuned already), or the
// policy of an export there. Its shape replaces the configuration's; its tokenizer replaces the one built from the data.
import { join } from "node:path";
import type { RunConfig } from "../events/mod.ts";
import { ConfigError } from "../src/base/errors.ts";
import { encodeModel } from "../src/model/checkpoint.ts";
import type { BaseModel } from "./load_data.ts";
import { type ModelFolder, readFolder } from "./model_folder.ts";

export interface StartingModel extends BaseModel {
  /** What it says of `config.model`. */
  model: Partial<RunConfig["model"]>;
}

export interface StartingFolders {
  /** `--model DIR` */
  model?: string;
  /** `--sft DIR` */
  sft?: string;
}

/** Undefined where no folder is given. ConfigError or SchemaError names what is wrong with one. */
export async function openStartingModel({ model, sft }: StartingFolders): Promise<StartingModel | undefined> {
  if (model !== undefined && sft !== undefined) {
    throw new ConfigError(
      "Give either --model (a pretrained model) or --sft (a policy that is tuned already)",
    );
  }
  const folder = model ?? sft, option = model === undefined ? "--sft" : "--model";
  if (folder === undefined) return undefined;
  const opened = await readPolicy(folder, option);
  const { head: _head, rewardShift: _shift, ...shape } = opened.model;
  return {
    folder,
    weights: encodeModel(opened.model, opened.flat),
    tokenizer: opened.tokenizer,
    model: { ...shape, start: model === undefined ? "tuned" : "pretrained" },
  };
}

async function readPolicy(folder: string, option: string): Promise<ModelFolder> {
  const opened = await readFolder(folder) ?? await readFolder(join(folder, "policy"));
  if (opened === undefined) {
    throw new ConfigError(
      `Give ${option} a folder with config.json or adapter_config.json, or an export with "policy" in it: "${folder}" has ` +
        "neither",
    );
  }
  if (opened.model.head === "policy") return opened;
  throw new ConfigError(`Give ${option} a policy (…ForCausalLM): "${folder}" holds a reward`);
}

/**
 * A run's configuration must describe the model that it starts from, and ask for a folder only where one is given. A shorter
 * context is allowed: positions are rotated, not learned.
 */
export function checkStartingModel({ model, preset }: RunConfig, starting: StartingModel | undefined): void {
  if (starting === undefined) {
    if (model.start === "fresh") return;
    const option = model.start === "tuned" ? "--sft DIR" : "--model DIR";
    throw new ConfigError(
      `Give ${option}: the configuration "${preset}" starts from a ${model.start} model (model.start). ` +
        (HOMES[preset] ?? "Any Hugging Face folder of GPT-NeoX, Llama or Mistral fits"),
    );
  }
  const given: Record<string, unknown> = starting.model, asked: Record<string, unknown> = model;
  const limit = starting.model.maxPositions ?? 0;
  const different = Object.keys(given).find((name) =>
    name === "maxPositions" ? model.maxPositions > limit : asked[name] !== given[name]
  );
  if (different === undefined) return;
  throw new ConfigError(
    `Leave out model.${different}=${JSON.stringify(asked[different])}: "${starting.folder}" is a model of ` +
      `${JSON.stringify(given[different])}`,
  );
}

/** Where the models of the published experiments are. */
const HOMES: Record<string, string | undefined> = {
  tldr: "The paper's is EleutherAI/pythia-1b-deduped of huggingface.co",
  ultrachat: "The paper's is alignment-handbook/zephyr-7b-sft-full of huggingface.co",
};
