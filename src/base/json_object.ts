// The text of a JSON file that must hold one object; errors name the file.
import { SchemaError } from "./errors.ts";

export function jsonObject(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SchemaError("Write the file again: it is not JSON", { file, cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SchemaError("Write the file again: it is no JSON object", { file });
  }
  return Object.fromEntries(Object.entries(value));
}
