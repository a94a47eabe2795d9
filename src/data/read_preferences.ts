// Labelled pairs from JSON Lines: {prompt, chosen, rejected} and an optional subset. For the Evaluator alone.
import { SchemaError } from "../base/errors.ts";
import { type JsonLine, parseJsonLines } from "./parse_json_lines.ts";
import { kindOf, rowObject, textField } from "./row_fields.ts";
import type { PreferencePair } from "./rows.ts";

export interface PreferenceRows {
  pairs: PreferencePair[];
  /** Lines passed over because a field was missing, empty or no text; empty unless `invalidRows` is "skip". */
  skippedLines: number[];
}

/** Every row as a pair. A line that is no JSON is refused even where invalid rows are skipped: the file is damaged. */
export function parsePreferences(
  text: string,
  { file, invalidRows = "refuse" }: { file: string; invalidRows?: "refuse" | "skip" },
): PreferenceRows {
  const pairs: PreferencePair[] = [], skippedLines: number[] = [];
  for (const entry of parseJsonLines(text, file)) {
    try {
      pairs.push(readPair(entry, file));
    } catch (error) {
      if (invalidRows === "refuse" || !(error instanceof SchemaError)) throw error;
      skippedLines.push(entry.line);
    }
  }
  if (pairs.length === 0) {
    throw new SchemaError("Give at least one valid pair: every row was skipped", { file });
  }
  return { pairs, skippedLines };
}

function readPair(entry: JsonLine, file: string): PreferencePair {
  const row = rowObject(entry, file), place = { file, line: entry.line };
  const pair = {
    prompt: textField(row, "prompt", place),
    chosen: textField(row, "chosen", place),
    rejected: textField(row, "rejected", place),
  };
  if (row.subset === undefined || row.subset === null) return pair;
  if (typeof row.subset !== "string") {
    throw new SchemaError(`Make "subset" a text: it is ${kindOf(row.subset)}`, place);
  }
  return { ...pair, subset: row.subset };
}
