// Where the parts of a run lie inside its folder.
import { join } from "node:path";

export interface RunFiles {
  /** The event log: the truth about the run. */
  log: string;
  /** Folder of content-addressed artifacts. */
  artifacts: string;
  /** Curves and heartbeats; may be deleted. */
  telemetry: string;
  /** Locked by the one process that writes the run. */
  lock: string;
}

export function runFiles(folder: string): RunFiles {
  return {
    log: join(folder, "events.jsonl"),
    artifacts: join(folder, "artifacts"),
    telemetry: join(folder, "telemetry.jsonl"),
    lock: join(folder, "lock"),
  };
}
