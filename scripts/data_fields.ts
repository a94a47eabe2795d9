// `--fields prompt=a,completion=b`: which fields of the user's rows hold prompt and completion, for every command that reads
// demonstrations.
import { ConfigError } from "../src/base/errors.ts";
import type { FieldMapping } from "../src/data/read_demonstrations.ts";
import { value } from "./command_line.ts";

export const fieldsOption = value("prompt=a,completion=b", "names of these fields in the files");

/** Throws ConfigError. */
export function parseFields(text: string | undefined): FieldMapping {
  const fields: FieldMapping = {};
  for (const part of text?.split(",") ?? []) {
    const [role, field, ...more] = part.split("=");
    const isKnown = role === "prompt" || role === "completion";
    if (!isKnown || !field || more.length > 0 || fields[role] !== undefined) {
      throw new ConfigError(`Write --fields prompt=a,completion=b: got "${text}"`);
    }
    fields[role] = field;
  }
  return fields;
}
