// The four actors of a run as something that starts, ends, and is started again. Where they live: in child processes
// (child_crew.ts) or in this process (in_process_crew.ts).
import type { Timer } from "../actors/compute_actor.ts";
import type { Role } from "../events/mod.ts";
import type { TierDescription } from "../src/compute/tier.ts";

export interface ActorCrew {
  /** Ends the role's actor at once, whatever it does; it starts again. */
  restart(role: Role): void;
  /** Ends all actors; resolves when they are gone. */
  stop(): Promise<void>;
}

export interface CrewListener {
  /** It is ready to work, on this tier. */
  onStarted(role: Role, actor: { pid: number; tier: TierDescription }): void;
  /** It ended by itself, for this reason; it starts again after a while. */
  onEnded(role: Role, reason: string): void;
}

const FIRST_DELAY_MS = 250, LONGEST_DELAY_MS = 10_000;
/** Who lived so long did not fall over its own start. */
const HEALTHY_MS = 10_000;

/** How long to wait before the next start: doubled with every early end, the first one again after a healthy life. */
export class BackOff {
  #numEarlyEnds = 0;

  delayAfter(livedMs: number): number {
    this.#numEarlyEnds = livedMs >= HEALTHY_MS ? 1 : this.#numEarlyEnds + 1;
    return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#numEarlyEnds - 1));
  }
}

export const intervalTimer: Timer = {
  every(intervalMs, callback) {
    const timer = setInterval(callback, intervalMs);
    return () => clearInterval(timer);
  },
};
