// Prompts alone from JSON Lines: rows of {prompt}, or any rows with such a field.
import { parseJsonLines } from "./parse_json_lines.ts";
import { rowObject, textField } from "./row_fields.ts";

/** The prompt of every row, repeats included. */
export function parsePrompts(
  text: string,
  { file, field = "prompt" }: { file: string; field?: string },
): string[] {
  return parseJsonLines(text, file).map((entry) =>
    textField(rowObject(entry, file), field, { file, line: entry.line })
  );
}
