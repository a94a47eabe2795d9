// A Hugging Face folder as commands take it: the model, its tokenizer as a run stores it, and how it draws texts; or a folder of
// PEFT's with a LoRA adapter, merged with the model of the folder that it names.
// Reads only. Every file that is missing or does not fit is an error that names it.
import { join, resolve } from "node:path";
import { ConfigError } from "../src/base/errors.ts";
import { checkVocabulary } from "../src/data/check_vocabulary.ts";
import { loadTokenizer } from "../src/data/load_tokenizer.ts";
import { readTokenizerFolder } from "../src/data/read_tokenizer_folder.ts";
import { type AdapterBase, readAdapterBase, readAdapterFolder } from "../src/model/adapter_folder.ts";
import { type ReadModel, readModelFolder } from "../src/model/huggingface_folder.ts";
import { rewardBody } from "../src/model/initial_parameters.ts";
import { mergedParameters } from "../src/model/lora.ts";
import { readText } from "../src/model/whole_files.ts";
import { folderFiles } from "../src/store/folder_files.ts";

export interface ModelFolder extends ReadModel {
  /** Text of the tokenizer artifact. */
  tokenizer: string;
}

/** Undefined when the folder has neither `config.json` nor `adapter_config.json`. */
export async function readFolder(folder: string): Promise<ModelFolder | undefined> {
  const whole = await readWholeModel(folder);
  if (whole !== undefined) return whole;
  const base = await readAdapterBase(folderFiles(folder));
  return base === undefined ? undefined : await readAdapted(folder, base);
}

/** The base with the folder's adapter merged in; a relative path is one from that folder. */
async function readAdapted(
  folder: string,
  { baseModel, head }: AdapterBase,
): Promise<ModelFolder> {
  const named = baseModel === null ? undefined : await readWholeModel(resolve(folder, baseModel));
  if (named === undefined) {
    throw new ConfigError(
      `Name the base model's folder in "base_model_name_or_path" of "${
        join(folder, "adapter_config.json")
      }": ` +
        `it is ${JSON.stringify(baseModel)}, where no config.json is`,
    );
  }
  const base = head === named.model.head ? named.flat : rewardBody(named.flat, named.model);
  const model = { ...named.model, head }, adapter = await readAdapterFolder(folderFiles(folder), model);
  if (adapter === undefined) throw new ConfigError(`Leave "${folder}" as it is while it is read`);
  const flat = mergedParameters({ model, config: adapter.config }, { base, adapter: adapter.flat });
  return { ...named, model, flat };
}

async function readWholeModel(folder: string): Promise<ModelFolder | undefined> {
  const files = folderFiles(folder), loaded = await readModelFolder(files);
  if (loaded === undefined) return undefined;
  const read = (name: string) => readText(files, name);
  const tokenizerJson = await read("tokenizer.json");
  if (tokenizerJson === undefined) {
    throw new ConfigError(
      `Complete the folder "${folder}": it lacks tokenizer.json (in Python: ` +
        `AutoTokenizer.from_pretrained(DIR, use_fast=True).save_pretrained(DIR))`,
    );
  }
  const tokenizer = readTokenizerFolder(
    {
      tokenizerJson,
      tokenizerConfig: await read("tokenizer_config.json"),
      specialTokensMap: await read("special_tokens_map.json"),
      generationConfig: await read("generation_config.json"),
      config: await read("config.json"),
      chatTemplateJinja: await read("chat_template.jinja"),
    },
    folder,
  );
  checkVocabulary(loadTokenizer(tokenizer), { vocabularySize: loaded.model.vocabularySize, folder });
  return { ...loaded, tokenizer };
}
