// How every command starts and ends: arguments by its table, one clear line for an error, an exit code that scripts can use.
import type { z } from "zod";
import { exitCode } from "../src/base/errors.ts";
import { exitNow } from "./exit_now.ts";
import { type CommandLine, type CommandTable, helpText, parseCommandLine } from "./command_line.ts";

/** Runs a command with the process's arguments and ends the process. `main` returns the exit code. */
export async function runCommand<Shape extends z.ZodRawShape>(
  table: CommandTable<Shape>,
  main: (line: CommandLine<z.output<z.ZodObject<Shape>>>) => Promise<number> | number,
): Promise<never> {
  exitNow(await commandCode(table, main));
}

async function commandCode<Shape extends z.ZodRawShape>(
  table: CommandTable<Shape>,
  main: (line: CommandLine<z.output<z.ZodObject<Shape>>>) => Promise<number> | number,
): Promise<number> {
  try {
    const line = parseCommandLine(table, Deno.args);
    if (line !== undefined) return await main(line);
    console.log(helpText(table));
    return 0;
  } catch (error) {
    console.error(errorText(error));
    return exitCode(error);
  }
}

/** The message alone for what a person can act on; a bug, or IRL_DEBUG, shows where it came from. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isBug = exitCode(error) === 1 && !["RunFailedError", "WriteError"].includes(error.name);
  if (Deno.env.get("IRL_DEBUG")) return Deno.inspect(error);
  return isBug ? error.stack ?? error.message : error.message;
}
