// A JSON file of a model's folder under its schema; errors name the file and the field.
import type { z } from "zod";
import { SchemaError } from "../base/errors.ts";
import { jsonObject } from "../base/json_object.ts";

export function checkedObject<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  file: string,
): z.output<Schema> {
  const value = jsonObject(text, file);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new SchemaError(
    `Correct "${path.join(".")}": ${message}, is ${JSON.stringify(valueAt(value, path))}`,
    {
      file,
      cause: parsed.error,
    },
  );
}

function valueAt(value: object, path: readonly PropertyKey[]): unknown {
  return path.reduce((inner: unknown, key) => Object(inner)[key], value);
}
