// JSON Lines that people wrote: text to values with their line numbers, and errors that name file and line.
// Touches no file: callers hand in what they read, and its name for the messages.
import { SchemaError } from "../base/errors.ts";

export interface JsonLine {
  /** Line number in the file, from 1. */
  line: number;
  value: unknown;
}

/** UTF-8 bytes as text, without a byte order mark. */
export function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SchemaError("Save the file as UTF-8: it holds bytes that are not", { file, cause });
  }
}

/** Every line's value; blank lines are passed over, a file without rows is refused. */
export function parseJsonLines(text: string, file: string): JsonLine[] {
  const rows: JsonLine[] = [];
  text.split("\n").forEach((source, index) => {
    if (source.trim() !== "") {
      rows.push({ line: index + 1, value: parseLine(source, { file, line: index + 1 }) });
    }
  });
  if (rows.length === 0) throw new SchemaError("Give at least one row: the file is empty", { file });
  return rows;
}

function parseLine(source: string, place: { file: string; line: number }): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    const hint = place.line === 1 && source.trimStart().startsWith("[")
      ? ", not a list over several lines"
      : "";
    throw new SchemaError(`Write one JSON object on each line${hint}: this line is not JSON`, {
      ...place,
      cause,
    });
  }
}
