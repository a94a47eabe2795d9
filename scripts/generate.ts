// `deno task generate`: texts of a policy for one prompt, from a run or from a Hugging Face folder.
import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import { ConfigError } from "../src/base/errors.ts";
import { keyFromSeed, splitKey } from "../src/base/random.ts";
import { encodePrompt, type Tokenizer } from "../src/data/tokenizer.ts";
import { generateInBatches } from "../src/irl/sample_generations.ts";
import type { Generation } from "../src/model/generate.ts";
import { contextLimit } from "../src/model/model_shape.ts";
import { type CommandLine, flag, value, wholeNumber } from "./command_line.ts";
import {
  type CommandWorld,
  commandWorld,
  modelOptions,
  modelSource,
  openCommandTier,
} from "./model_command.ts";
import { type OpenedModels, openModels } from "./open_model.ts";
import { runCommand } from "./run_command.ts";

const DEFAULT_SEED = 1;
const BATCH = 64;

export const generateTable = {
  name: "deno task generate",
  summary: "Writes texts for a prompt. Same model, seed, backend and threads: same texts.",
  options: z.strictObject({
    ...modelOptions,
    prompt: value("TEXT", "the prompt"),
    chat: flag("the prompt is a user's message, put into words by the model's chat template"),
    greedy: flag("take the most likely token each time"),
    temperature: value(
      "T",
      "draw tokens, with logits divided by T (default: the temperature that the policy was optimised at)",
    ),
    "top-k": wholeNumber("draw from the K likeliest tokens only; 0 is all (default: the model's)", {
      min: 0,
    }),
    "top-p": value(
      "P",
      "draw from the likeliest tokens that make up P of the probability; 1 is all (default: the model's)",
    ),
    n: wholeNumber("number of texts (default: 1)", { min: 1, max: 10_000 }),
    seed: wholeNumber(`seed of the draws (default: ${DEFAULT_SEED})`),
    json: flag("one JSON object a text on stdout: prompt, text, numTokens, finished"),
  }),
  examples: [
    'deno task generate --from demo-1 --prompt "name[Old Lantern], to[Moth Rock]"',
    'deno task generate --model exported --prompt "name[Old Lantern], to[Moth Rock]" --temperature 1 -n 5',
  ],
};
type Options = z.output<typeof generateTable.options>;

export async function generateTexts(
  { options }: CommandLine<Options>,
  world: CommandWorld,
): Promise<number> {
  const { prompt } = options;
  if (prompt === undefined) throw new ConfigError("Give --prompt a text");
  const models = await openModels(modelSource(options, world));
  const temperature = chosenTemperature(options, models);
  const text = options.chat ? chatPrompt(prompt, models) : prompt;
  const tokens = promptTokens(text, models, world);
  world.tell(
    `${models.name}: ${
      temperature === "greedy"
        ? "the most likely token each time"
        : `drawn at temperature ${temperature}, seed ${options.seed ?? DEFAULT_SEED}`
    }`,
  );
  const generations = await draw(tokens, temperature, { options, models, world });
  for (const { tokens, finished } of generations) {
    const text = models.tokenizer.decode(tokens);
    world.out(options.json ? JSON.stringify({ prompt, text, numTokens: tokens.length, finished }) : text);
  }
  const cut = generations.filter(({ finished }) => !finished).length;
  if (cut > 0) world.tell(`${cut} of ${generations.length} texts did not end within the tokens allowed`);
  return 0;
}

function chosenTemperature(
  { greedy, temperature, n }: Options,
  { sampling }: OpenedModels,
): number | "greedy" {
  if (!greedy) {
    return temperature === undefined
      ? sampling.temperature
      : numberBetween(temperature, "temperature", { above: 0, upTo: Infinity });
  }
  if (temperature !== undefined) throw new ConfigError("Give either --greedy or --temperature");
  if (n !== undefined && n > 1) {
    throw new ConfigError("Leave out -n with --greedy: all texts would be the same");
  }
  return "greedy";
}

function numberBetween(
  text: string,
  option: "temperature" | "top-p",
  { above, upTo }: { above: number; upTo: number },
): number {
  const number = text.trim() === "" ? NaN : Number(text);
  if (number > above && number <= upTo && Number.isFinite(number)) return number;
  const most = upTo === Infinity ? "" : ` and at most ${upTo}`;
  throw new ConfigError(`Give --${option} a number above ${above}${most}, or use --greedy: got "${text}"`);
}

function chatPrompt(message: string, { chat }: OpenedModels): string {
  return chat.prompt([{ role: "user", content: message }], { file: "--prompt", line: 1 });
}

/** Names unknown words; refuses a prompt that leaves no room for a text. */
function promptTokens(prompt: string, { tokenizer, policy }: OpenedModels, world: CommandWorld): number[] {
  if (policy === undefined) throw new ConfigError("Give --model a policy: this folder holds a reward only");
  tellUnknownWords([prompt], tokenizer, world);
  const tokens = encodePrompt(tokenizer, prompt);
  if (tokens.length === 0) throw new ConfigError("Give --prompt a text: this one has no token");
  const context = contextLimit(policy.model);
  if (tokens.length < context) return tokens;
  throw new ConfigError(
    `Shorten the prompt: it has ${tokens.length} tokens, the model's context ${context}, text included`,
  );
}

/** One line on the words of texts that the tokenizer lacks, if there are any. */
export function tellUnknownWords(
  texts: readonly string[],
  tokenizer: Tokenizer,
  world: CommandWorld,
): void {
  const words = [...new Set(texts.flatMap((text) => tokenizer.unknownWords(text)))];
  if (words.length === 0) return;
  const shown = words.slice(0, 20).map((word) => `"${word}"`).join(", ");
  const more = words.length > 20 ? ` and ${words.length - 20} more` : "";
  world.tell(`Unknown to the tokenizer, so read as <unk>: ${shown}${more}`);
}

async function draw(
  tokens: number[],
  temperature: number | "greedy",
  { options, models, world }: { options: Options; models: OpenedModels; world: CommandWorld },
): Promise<Generation[]> {
  const { tokenizer, policy, sampling } = models, topP = options["top-p"];
  if (policy === undefined) throw new RangeError("draw: there is no policy");
  const tier = await openCommandTier(options, world);
  try {
    const parameters = tf.tensor1d(policy.flat);
    try {
      return await generateInBatches({ progress: () => {} }, {
        tier,
        model: policy.model,
        parameters,
        tokenizer,
      }, {
        prompts: Array.from({ length: options.n ?? 1 }, () => tokens),
        key: splitKey(keyFromSeed(options.seed ?? DEFAULT_SEED), "generate"),
        temperature,
        topK: options["top-k"] ?? sampling.topK,
        topP: topP === undefined ? sampling.topP : numberBetween(topP, "top-p", { above: 0, upTo: 1 }),
        maxNewTokens: sampling.maxNewTokens,
        batchSize: BATCH,
      });
    } finally {
      parameters.dispose();
    }
  } finally {
    await tier.dispose();
  }
}

if (import.meta.main) await runCommand(generateTable, (line) => generateTexts(line, commandWorld()));
