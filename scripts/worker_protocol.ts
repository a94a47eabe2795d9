// What a process and its compute Worker say to each other. Both sides are of the same version, and messages are plain data.
import type { Command, ResultMeta } from "../events/mod.ts";
import type { Progress } from "../src/base/ports.ts";
import type { TierDescription, TierOptions } from "../src/compute/tier.ts";

/** What a Worker is opened with: its tier, the run's folder for artifacts, and which GPU its process was given. */
export interface WorkerSettings {
  tier: TierOptions;
  folder: string;
  device?: number;
}

export type ToWorker = { open: WorkerSettings } | { run: Command; number: number };

export type FromWorker =
  | { opened: TierDescription }
  | { progress: Progress; number: number }
  | { data: unknown; meta: ResultMeta; number: number }
  /** Of the opening when there is no number. An error's class does not survive the way, its name does. */
  | { error: { name: string; message: string }; number?: number };
