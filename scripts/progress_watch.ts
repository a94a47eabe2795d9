// Who makes progress: judged by the beats of each role, for stalls and for knowing what an actor had in hand when it ended.
// A beat without progress is no progress.
import { type Command, type Role, ROLES } from "../events/mod.ts";
import type { Clock } from "../src/base/clock.ts";
import type { Beat } from "../src/bus/port.ts";

interface Seen {
  /** Since when nothing has moved. */
  sinceMs: number;
  beat?: Beat;
}

export class ProgressWatch {
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #seen: Map<Role, Seen>;

  constructor(clock: Clock, stallMs: number) {
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#seen = new Map(ROLES.map((role) => [role, { sinceMs: clock.elapsedMs() }]));
  }

  onBeat(beat: Beat): void {
    const seen = this.#seen.get(beat.role);
    if (seen === undefined) return;
    if (placeOf(beat) !== placeOf(seen.beat)) seen.sinceMs = this.#clock.elapsedMs();
    seen.beat = beat;
  }

  /** The role's actor started or ended, or a result came. */
  onChange(role: Role): void {
    this.#seen.set(role, { sinceMs: this.#clock.elapsedMs() });
  }

  /** What the role's actor has in hand: what its last beat named, else what it will be given next. */
  inHand(role: Role, outstanding: readonly Command[]): Command | undefined {
    const commands = outstanding.filter((command) => command.role === role);
    const beat = this.#seen.get(role)?.beat;
    return commands.find(({ id, attempt }) => id === beat?.command && attempt === beat?.attempt) ??
      commands[0];
  }

  /** Commands in hand of roles that have something to do and have not moved for too long. */
  stalled(outstanding: readonly Command[]): Command[] {
    const now = this.#clock.elapsedMs();
    return ROLES.flatMap((role) => {
      const command = this.inHand(role, outstanding), seen = this.#seen.get(role);
      if (seen === undefined) return [];
      if (command === undefined) seen.sinceMs = now;
      return command !== undefined && now - seen.sinceMs > this.#stallMs ? [command] : [];
    });
  }
}

function placeOf(beat: Beat | undefined): string {
  return beat === undefined ? "" : `${beat.command}#${beat.attempt}:${beat.done}`;
}
