// What a process offers to a run: time, places, people to tell, signals. Real ones here; tests hand in their own.
import type { Clock } from "../src/base/clock.ts";
import type { TierOptions } from "../src/compute/tier.ts";
import type { LogRecord } from "../src/store/event_log.ts";
import type { Moment } from "./coordinator_shell.ts";
import { exitNow } from "./exit_now.ts";
import type { ProbedTier } from "./probe_tier.ts";
import { openTerminal, processStream, type Terminal } from "./terminal.ts";
import type { Environment } from "./user_environment.ts";
import type { OpenCompute } from "./worker_compute.ts";
import type { WorkerSettings } from "./worker_protocol.ts";

export type Interruption = "interrupted" | "terminated";

export interface RunContext {
  environment: Environment;
  clock: Clock;
  /** For people. */
  terminal: Terminal;
  /** For programs: takes every new record. */
  onRecord?(record: LogRecord): void;
  /** From here on a signal means a pause; before, it ends the process. Resolves at the first one. */
  catchSignals(): Promise<Interruption>;
  /** Replacements for tests. */
  substitutes?: {
    probe?: (options: TierOptions) => Promise<ProbedTier>;
    openCompute?: (settings: WorkerSettings) => Promise<OpenCompute>;
    actorScript?: URL;
    onMoment?(moment: Moment): void;
  };
}

export const systemClock: Clock = {
  iso: () => new Date().toISOString(),
  elapsedMs: () => performance.now(),
};

/** `json`: events go to standard output, so people read standard error. */
export function processContext({ json }: { json: boolean }): RunContext {
  const events = processStream(Deno.stdout);
  return {
    environment: Deno.env.toObject(),
    clock: systemClock,
    terminal: openTerminal(json ? processStream(Deno.stderr) : events, systemClock),
    onRecord: json ? (record) => events.write(`${JSON.stringify(record)}\n`) : undefined,
    catchSignals,
  };
}

const INTERRUPTED_CODE = 130;
/** A task runner may pass the terminal's Ctrl-C on a second time. */
const SAME_SIGNAL_MS = 500;

function catchSignals(): Promise<Interruption> {
  const { promise, resolve } = Promise.withResolvers<Interruption>();
  let firstAtMs: number | undefined;
  const listen = (signal: Deno.Signal, reason: Interruption) =>
    Deno.addSignalListener(signal, () => {
      const now = performance.now();
      if (firstAtMs !== undefined && now - firstAtMs > SAME_SIGNAL_MS) exitNow(INTERRUPTED_CODE);
      firstAtMs ??= now;
      resolve(reason);
    });
  listen("SIGINT", "interrupted");
  if (Deno.build.os !== "windows") {
    listen("SIGTERM", "terminated");
    listen("SIGHUP", "terminated");
  }
  return promise;
}
