// `deno task score`: log-likelihood and reward of the rows of a data file, one JSON object a row.
// Prompt and completion are tokenized apart and joined; no token is added but EOS, where asked for.
import { encodePrompt } from "../src/data/tokenizer.ts";
import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import { ConfigError, SchemaError } from "../src/base/errors.ts";
import type { ChatFormat } from "../src/data/chat_format.ts";
import { decodeUtf8, parseJsonLines } from "../src/data/parse_json_lines.ts";
import { type FieldMapping, parseDemonstrations } from "../src/data/read_demonstrations.ts";
import { parsePreferences } from "../src/data/read_preferences.ts";
import { rowObject } from "../src/data/row_fields.ts";
import type { Demonstration, PreferencePair } from "../src/data/rows.ts";
import { scoreSequences } from "../src/irl/learn_reward.ts";
import { continuationLogProbabilities } from "../src/irl/score_policy.ts";
import { contextLimit } from "../src/model/model_shape.ts";
import type { TokenSequence } from "../src/model/token_sequence.ts";
import { type CommandLine, flag, value } from "./command_line.ts";
import { fieldsOption, parseFields } from "./data_fields.ts";
import { tellUnknownWords } from "./generate.ts";
import {
  type CommandWorld,
  commandWorld,
  modelOptions,
  modelSource,
  openCommandTier,
} from "./model_command.ts";
import { type OpenedModels, openModels } from "./open_model.ts";
import { runCommand } from "./run_command.ts";
import { scoreSummary } from "./score_summary.ts";
import { userPath } from "./user_environment.ts";

export const scoreTable = {
  name: "deno task score",
  summary: "Scores the rows of a JSON Lines file: {prompt, completion}, or {prompt, chosen, rejected}.",
  options: z.strictObject({
    ...modelOptions,
    data: value("FILE", "the rows"),
    fields: fieldsOption,
    eos: flag("end every completion with the end-of-text token, as training does"),
    json: flag("one JSON object a row on stdout"),
  }),
  examples: ["deno task score --from demo-1 --data pairs.jsonl --eos --json > scores.jsonl"],
};
type Options = z.output<typeof scoreTable.options>;

/** Scores of one text. */
export interface TextScore {
  /** Of the completion's own tokens, in nats; where there is a policy. */
  logLikelihood?: number;
  numTokens: number;
  /** In its own unit; where there is a reward model. */
  reward?: number;
}

export interface PairScore {
  chosen: TextScore;
  rejected: TextScore;
  /** The chosen text scores strictly higher: by reward, or by log-likelihood where there is none. */
  correct: boolean;
  subset: string | null;
}

interface ScoreRows {
  /** One or two texts of each row, in order. */
  texts: Demonstration[];
  /** Line of each text. */
  lines: number[];
  /** Where the rows are pairs. */
  pairs?: PreferencePair[];
}

export async function scoreRows({ options }: CommandLine<Options>, world: CommandWorld): Promise<number> {
  if (options.data === undefined) throw new ConfigError("Give --data a file of rows");
  const fields = parseFields(options.fields), models = await openModels(modelSource(options, world));
  const { data: file } = options, rows = await readRows(file, { chat: models.chat, fields }, world);
  const sequences = tokenRows(rows, models, { file, eos: options.eos });
  tellUnknownWords(
    rows.texts.flatMap(({ prompt, completion }) => [prompt, completion]),
    models.tokenizer,
    world,
  );
  const scores = await scoreTexts(sequences, models, { options, world });
  const results = rows.pairs === undefined
    ? scores
    : rows.pairs.map((pair, i) => pairScore(pair, scores[2 * i], scores[2 * i + 1]));
  for (const [i, result] of results.entries()) {
    world.out(options.json ? JSON.stringify(result) : `${i + 1}\t${resultText(result)}`);
  }
  const summary = scoreSummary(scores, rows.pairs && { pairs: rows.pairs, correct: results.map(isCorrect) });
  for (const line of [models.name, ...summary]) world.tell(line);
  if (!options.eos && models.reward !== undefined) {
    world.tell("Rewards were learned on texts that end: add --eos if yours do");
  }
  return 0;
}

/** The file's first row says whether it holds pairs, unless fields are named that hold prompt and completion. */
async function readRows(
  file: string,
  { chat, fields }: { chat: ChatFormat; fields: FieldMapping },
  world: CommandWorld,
): Promise<ScoreRows> {
  const text = decodeUtf8(await readData(userPath(file, world.environment), file), file);
  const entries = parseJsonLines(text, file), lines = entries.map(({ line }) => line);
  const first = rowObject(entries[0], file);
  const isMapped = Object.keys(fields).length > 0;
  if (isMapped || (first.chosen === undefined && first.rejected === undefined)) {
    return { texts: parseDemonstrations(text, { file, chat, fields }), lines };
  }
  const { pairs } = parsePreferences(text, { file, chat });
  const texts = pairs.flatMap(({ prompt, chosen, rejected }) => [
    { prompt, completion: chosen },
    { prompt, completion: rejected },
  ]);
  return { texts, lines: lines.flatMap((line) => [line, line]), pairs };
}

async function readData(path: string, file: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "there is none" : "it cannot be read";
    throw new ConfigError(`Give --data a file of rows: "${file}": ${reason}`, { cause });
  }
}

/** Token lists of all texts; one that does not fit the context is refused at its line. */
function tokenRows(
  { texts, lines }: ScoreRows,
  { tokenizer, policy, reward }: OpenedModels,
  { file, eos }: { file: string; eos: boolean },
): TokenSequence[] {
  const model = (policy ?? reward)?.model, context = model === undefined ? 0 : contextLimit(model);
  return texts.map(({ prompt, completion }, i) => {
    const sequence = {
      prompt: encodePrompt(tokenizer, prompt),
      continuation: [...tokenizer.encode(completion), ...(eos ? [tokenizer.eosId] : [])],
    };
    const length = sequence.prompt.length + sequence.continuation.length;
    if (length <= context) return sequence;
    throw new SchemaError(
      `Shorten the row: prompt and completion have ${length} tokens, the model's context ${context}`,
      { file, line: lines[i] },
    );
  });
}

async function scoreTexts(
  sequences: readonly TokenSequence[],
  { policy, reward, tokenizer }: OpenedModels,
  { options, world }: { options: Options; world: CommandWorld },
): Promise<TextScore[]> {
  const tier = await openCommandTier(options, world);
  const parameters = (flat: Float32Array | undefined) => tf.tensor1d(flat ?? []);
  const ofPolicy = parameters(policy?.flat), ofReward = parameters(reward?.flat);
  try {
    const likelihoods = policy &&
      await continuationLogProbabilities(
        { tier, model: policy.model, parameters: ofPolicy, tokenizer },
        sequences,
      );
    const rewards = reward &&
      await scoreSequences(sequences, {
        tier,
        model: reward.model,
        parameters: ofReward,
        padId: tokenizer.padId,
      });
    return sequences.map(({ continuation }, i) => ({
      ...(likelihoods && { logLikelihood: likelihoods[i].total }),
      numTokens: continuation.length,
      ...(rewards && { reward: rewards[i] }),
    }));
  } finally {
    tf.dispose([ofPolicy, ofReward]);
    await tier.dispose();
  }
}

function pairScore({ subset }: PreferencePair, chosen: TextScore, rejected: TextScore): PairScore {
  const value = ({ reward, logLikelihood }: TextScore) => reward ?? logLikelihood ?? NaN;
  return { chosen, rejected, correct: value(chosen) > value(rejected), subset: subset ?? null };
}

function isCorrect(result: TextScore | PairScore): boolean {
  return "correct" in result && result.correct;
}

function resultText(result: TextScore | PairScore): string {
  if ("correct" in result) {
    const verdict = result.correct ? "right" : "wrong";
    return `${verdict}\tchosen ${resultText(result.chosen)}\trejected ${resultText(result.rejected)}`;
  }
  const { logLikelihood, numTokens, reward } = result;
  const likelihood = logLikelihood === undefined
    ? `${numTokens} tokens`
    : `log-likelihood ${logLikelihood.toFixed(3)} (${numTokens} tokens)`;
  return reward === undefined ? likelihood : `${likelihood}, reward ${reward.toFixed(3)}`;
}

if (import.meta.main) await runCommand(scoreTable, (line) => scoreRows(line, commandWorld()));
