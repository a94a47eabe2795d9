// Prompts that are longer than a run allows, counted in its tokens: refused, left out, or cut as in the TL;DR recipe.
import { ConfigError } from "../base/errors.ts";
import type { PreparedData } from "./prepare_data.ts";
import type { PreferencePair } from "./rows.ts";
import { shortenedPost } from "./shorten_prompt.ts";

export interface PromptLimit {
  /** null: no limit. */
  maxPromptTokens: number | null;
  longPrompts: "refuse" | "leave-out" | "cut-post";
  numTokens: (text: string) => number;
}

type Rows = Pick<PreparedData, "demonstrations" | "prompts" | "evaluation"> & {
  preferences?: readonly PreferencePair[];
};

/** The rows with every prompt within the limit, and how many were cut or left out. Throws ConfigError. */
export function limitPrompts<Given extends Rows>(
  rows: Given,
  { maxPromptTokens: maxTokens, longPrompts, numTokens }: PromptLimit,
): { rows: Given; counts: Record<string, number> } {
  if (maxTokens === null) return { rows, counts: {} };
  const all = new Set([
    ...rows.prompts,
    ...[...rows.demonstrations, ...rows.evaluation, ...rows.preferences ?? []].map(({ prompt }) => prompt),
  ]);
  const long = new Map<string, string | undefined>();
  for (const prompt of all) {
    if (numTokens(prompt) > maxTokens) long.set(prompt, limited(prompt));
  }
  function limited(prompt: string): string | undefined {
    if (longPrompts === "leave-out") return undefined;
    if (longPrompts === "cut-post") return shortenedPost(prompt, { maxTokens: maxTokens ?? 0, numTokens });
    throw new ConfigError(
      `Raise task.maxPromptTokens, or set task.longPrompts to "leave-out" or "cut-post": a prompt has ` +
        `${numTokens(prompt)} tokens, allowed are ${maxTokens}`,
    );
  }
  const within = <Row extends { prompt: string }>(list: readonly Row[]): Row[] =>
    list.flatMap((row) => {
      if (!long.has(row.prompt)) return [row];
      const prompt = long.get(row.prompt);
      return prompt === undefined ? [] : [{ ...row, prompt }];
    });
  const demonstrations = within(rows.demonstrations);
  if (demonstrations.length === 0) {
    throw new ConfigError(
      `Raise task.maxPromptTokens: no demonstration has a prompt of at most ${maxTokens} tokens`,
    );
  }
  const prompts = within(rows.prompts.map((prompt) => ({ prompt }))).map(({ prompt }) => prompt);
  return {
    rows: {
      ...rows,
      demonstrations,
      prompts: [...new Set(prompts)],
      evaluation: within(rows.evaluation),
      ...(rows.preferences && { preferences: within(rows.preferences) }),
    },
    counts: long.size === 0
      ? {}
      : { [longPrompts === "cut-post" ? "shortenedPrompts" : "droppedLongPrompts"]: long.size },
  };
}
