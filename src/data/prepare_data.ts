// From raw rows to what a run uses: demonstrations, the prompts it may ask, and held-out prompts.
// Pure, and done once before the run starts; every row that is left out is counted under its reason.
// The one place outside the Evaluator that may use a gold check: to keep a demonstrator's own mistakes out.
import { ConfigError } from "../base/errors.ts";
import { type RandomKey, sampleWithoutReplacement, splitKey } from "../base/random.ts";
import { goldFor } from "./gold.ts";
import { type MadeUpTaskOptions, makeMadeUpTask } from "./made_up_task.ts";
import type { Demonstration, EvaluationPrompt } from "./rows.ts";
import { numSlotErrors } from "./slot_errors.ts";
import { parseSlotPrompt } from "./slot_prompt.ts";

export interface PreparedData {
  demonstrations: Demonstration[];
  /** Distinct prompts of training, demonstrated or not: the prompt distribution. */
  prompts: string[];
  /** Held-out prompts; none of them is a training prompt. */
  evaluation: EvaluationPrompt[];
  /** What was read, left out and kept, in the order in which it happened. */
  counts: Record<string, number>;
}

/** Fewer demonstrations than this cannot train anything. */
const MIN_DEMONSTRATIONS = 8;

/** The made-up task as prepared data. */
export function prepareMadeUp(options: MadeUpTaskOptions): PreparedData {
  const { demonstrations, prompts, evaluation } = makeMadeUpTask(options);
  return finish({ demonstrations, prompts, evaluation, counts: { generatedRows: demonstrations.length } });
}

export interface E2eOptions {
  train: readonly Demonstration[];
  dev?: readonly Demonstration[];
  key: RandomKey;
  /** Rows drawn by the key; all that are left where there are fewer. */
  numDemonstrations?: number;
  /** Prompts with more attributes are left out everywhere. */
  maxSlots?: number;
  /** Longer demonstrations are left out; references of held-out prompts are not. */
  maxCompletionCharacters?: number;
  numEvaluationPrompts?: number;
  /** Whether demonstrations with a slot error are left out; held-out rows never are. */
  clean?: boolean;
}

/** Most of the training prompts that may be held out where the development file has too few. */
const MAX_HELD_OUT_SHARE = 0.2;

/** Rows of the E2E task as prepared data. */
export function prepareE2e(options: E2eOptions): PreparedData {
  const { train, dev = [], key, numDemonstrations = 2000, numEvaluationPrompts = 400 } = options;
  const { maxSlots = 5, maxCompletionCharacters = 180, clean = true } = options;
  const gold = goldFor("e2e");
  const counts: Record<string, number> = { trainRows: train.length, devRows: dev.length };
  const isShort = ({ prompt }: Demonstration) => parseSlotPrompt(prompt).size <= maxSlots;

  const distinct = keepDistinct(train, counts);
  const fewSlots = keep(distinct, isShort, { counts, reason: "droppedTooManySlots" });
  const devByPrompt = groupByPrompt(keepDistinct(dev, {}).filter(isShort));
  const trainByPrompt = groupByPrompt(fewSlots);
  const evaluation = sampleWithoutReplacement(splitKey(key, "evaluation"), devByPrompt, numEvaluationPrompts);
  const fromDev = new Set(evaluation.map(({ prompt }) => prompt));
  const further = Math.min(
    numEvaluationPrompts - evaluation.length,
    Math.floor(MAX_HELD_OUT_SHARE * trainByPrompt.length),
  );
  const others = trainByPrompt.filter(({ prompt }) => !fromDev.has(prompt));
  evaluation.push(...sampleWithoutReplacement(splitKey(key, "held-out"), others, further));
  counts.evaluationPromptsFromDev = fromDev.size;
  counts.evaluationPromptsFromTrain = evaluation.length - fromDev.size;

  const heldOut = new Set(evaluation.map(({ prompt }) => prompt));
  let rows = keep(fewSlots, ({ prompt }) => !heldOut.has(prompt), { counts, reason: "droppedHeldOut" });
  const prompts = [...new Set(rows.map(({ prompt }) => prompt))];
  const isBrief = ({ completion }: Demonstration) => completion.length <= maxCompletionCharacters;
  rows = keep(rows, isBrief, { counts, reason: "droppedTooLong" });
  if (clean) {
    const isRight = (row: Demonstration) => numSlotErrors(gold.check(row.prompt, row.completion)) === 0;
    rows = keep(rows, isRight, { counts, reason: "droppedSlotErrors" });
  }
  counts.usableRows = rows.length;
  const demonstrations = sampleWithoutReplacement(splitKey(key, "demonstrations"), rows, numDemonstrations);
  return finish({ demonstrations, prompts, evaluation, counts });
}

export interface OwnOptions {
  rows: readonly Demonstration[];
  /** Held-out rows; without them, prompts of `rows` are held out. */
  evaluationRows?: readonly Demonstration[];
  key: RandomKey;
  /** Share of the distinct prompts that is held out. */
  evaluationShare?: number;
  numEvaluationPrompts?: number;
  /** Rows drawn by the key; absent: all. */
  numDemonstrations?: number;
}

/** A user's rows as prepared data. */
export function prepareOwn(options: OwnOptions): PreparedData {
  const { rows, evaluationRows, key, evaluationShare = 0.1, numEvaluationPrompts = 400 } = options;
  const counts: Record<string, number> = { rows: rows.length };
  const distinct = keepDistinct(rows, counts);
  const groups = groupByPrompt(evaluationRows === undefined ? distinct : keepDistinct(evaluationRows, {}));
  if (evaluationRows === undefined && groups.length < 2) {
    throw new ConfigError(
      "Give demonstrations of at least two distinct prompts, or evaluation rows of their own: one prompt cannot be split",
    );
  }
  const count = evaluationRows === undefined
    ? Math.max(1, Math.round(evaluationShare * groups.length))
    : groups.length;
  const evaluation = sampleWithoutReplacement(
    splitKey(key, "evaluation"),
    groups,
    Math.min(count, numEvaluationPrompts),
  );
  // Prompts of a file of evaluation rows stay out of training even where fewer of them are drawn.
  const heldOut = new Set((evaluationRows === undefined ? evaluation : groups).map(({ prompt }) => prompt));
  const training = keep(distinct, ({ prompt }) => !heldOut.has(prompt), { counts, reason: "droppedHeldOut" });
  const demonstrations = sampleWithoutReplacement(
    splitKey(key, "demonstrations"),
    training,
    options.numDemonstrations ?? training.length,
  );
  const prompts = [...new Set(training.map(({ prompt }) => prompt))];
  return finish({ demonstrations, prompts, evaluation, counts });
}

/** Adds the closing counts and refuses what no run could use. */
function finish(data: PreparedData): PreparedData {
  const { demonstrations, prompts, evaluation } = data;
  const counts = {
    ...data.counts,
    demonstrations: demonstrations.length,
    demonstratedPrompts: new Set(demonstrations.map(({ prompt }) => prompt)).size,
    trainingPrompts: prompts.length,
    evaluationPrompts: evaluation.length,
    evaluationReferences: evaluation.reduce((sum, { completions }) => sum + completions.length, 0),
  };
  const told = Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(", ");
  if (demonstrations.length < MIN_DEMONSTRATIONS) {
    throw new ConfigError(
      `Give more demonstrations or drop fewer: ${demonstrations.length} are left, ${MIN_DEMONSTRATIONS} are needed (${told})`,
    );
  }
  if (evaluation.length === 0) {
    throw new ConfigError(`Give evaluation rows: no prompt is left to hold out (${told})`);
  }
  return { ...data, counts };
}

/** Rows without exact repeats, the first of each kept. */
function keepDistinct(rows: readonly Demonstration[], counts: Record<string, number>): Demonstration[] {
  const seen = new Set<string>();
  const isNew = ({ prompt, completion }: Demonstration) => {
    const before = seen.size;
    return seen.add(JSON.stringify([prompt, completion])).size > before;
  };
  return keep(rows, isNew, { counts, reason: "droppedDuplicates" });
}

function keep(
  rows: readonly Demonstration[],
  test: (row: Demonstration) => boolean,
  { counts, reason }: { counts: Record<string, number>; reason: string },
): Demonstration[] {
  const kept = rows.filter(test);
  counts[reason] = rows.length - kept.length;
  return kept;
}

/** Rows as prompts with all their completions, in the order of first appearance. */
function groupByPrompt(rows: readonly Demonstration[]): EvaluationPrompt[] {
  const groups = new Map<string, string[]>();
  for (const { prompt, completion } of rows) {
    const known = groups.get(prompt);
    if (known === undefined) groups.set(prompt, [completion]);
    else known.push(completion);
  }
  return Array.from(groups, ([prompt, completions]) => ({ prompt, completions }));
}
