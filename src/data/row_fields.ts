// Reads single fields out of a row of a data file, with errors that say what is there and what to do.
// A message names fields and types, never a row's content: rows can be long, private or crude.
import { SchemaError } from "../base/errors.ts";
import type { JsonLine } from "./parse_json_lines.ts";

export interface RowPlace {
  file: string;
  line: number;
}

/** A row as an object. */
export function rowObject({ value, line }: JsonLine, file: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SchemaError(`Write one JSON object on each line: this line is ${kindOf(value)}`, {
      file,
      line,
    });
  }
  return Object.fromEntries(Object.entries(value));
}

/** The text in a field; missing, empty and other values are refused. `advice` as in `missingField`. */
export function textField(
  row: Record<string, unknown>,
  field: string,
  place: RowPlace,
  advice?: string,
): string {
  const value = row[field];
  if (value === undefined) throw missingField(row, field, place, advice);
  if (typeof value !== "string") {
    throw new SchemaError(`Make "${field}" a text: it is ${kindOf(value)}`, place);
  }
  if (value.trim() === "") throw new SchemaError(`Fill in "${field}" or remove the row: it is empty`, place);
  return value;
}

/** The error for a row that lacks a field; names the fields it has, and what else to do than to add it. */
export function missingField(
  row: Record<string, unknown>,
  field: string,
  place: RowPlace,
  advice?: string,
): SchemaError {
  const present = Object.keys(row).slice(0, 10).map((name) => `"${name.slice(0, 40)}"`).join(", ");
  return new SchemaError(
    `Add the field "${field}"${advice === undefined ? "" : `, or ${advice}`}: this row has ${
      present === "" ? "no fields" : present
    }`,
    place,
  );
}

/** What a JSON value is, in words. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return typeof value === "string" ? "a text" : typeof value === "number" ? "a number" : `the value ${value}`;
}
