// All names on NATS: subjects, streams and durable consumers of one run. Spelled here and nowhere else.
import { ConfigError } from "../base/errors.ts";
import type { Role } from "./port.ts";

export interface Subjects {
  /** Work queues of commands, one subject a role. */
  commands(role: Role): string;
  allCommands: string;
  /** Work queue of results. */
  results: string;
  /** Beats; core NATS, stored nowhere. */
  telemetry: string;
  /** Messages nobody could use; core NATS. */
  deadLetters: string;
  commandStream: string;
  resultStream: string;
  /** Durable consumer that reads the results; the one of a role's commands is named after the role. */
  coordinator: string;
}

const RUN_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

export function subjectsOf(run: string): Subjects {
  if (!RUN_NAME.test(run)) {
    throw new ConfigError(
      `Name the run with a-z, 0-9 and "-", at most 64 characters: "${run}" is not such a name`,
    );
  }
  return {
    commands: (role) => `cmd.${run}.${role}`,
    allCommands: `cmd.${run}.*`,
    results: `res.${run}`,
    telemetry: `tel.${run}`,
    deadLetters: `dead.${run}`,
    commandStream: `CMD-${run}`,
    resultStream: `RES-${run}`,
    coordinator: "coordinator",
  };
}
