// What every step function is handed, and what it returns. Steps reach no clock, no bus and no log.
import type { ResultMeta } from "../../events/mod.ts";
import type { ArtifactStore, Progress } from "../base/ports.ts";
import type { Tier } from "../compute/tier.ts";

export interface StepPorts {
  readonly tier: Tier;
  readonly artifacts: ArtifactStore;
  /** Called between training steps or batches; lossy, decides nothing. */
  progress(progress: Progress): void;
}

export interface StepOutcome<Data> {
  /** Data of the event: equal in equal runs. */
  data: Data;
  /** Measurements that may differ between equal runs. */
  meta: ResultMeta;
}
