// A run from where its log stands to its rest: done, paused or failed. Brings together shell, bus, actors, stalls and signals.
import type { Role } from "../events/mod.ts";
import type { Clock } from "../src/base/clock.ts";
import type { Beat, CoordinatorBus } from "../src/bus/port.ts";
import type { TierDescription } from "../src/compute/tier.ts";
import type { ActorCrew, CrewListener } from "./actor_crew.ts";
import type { CoordinatorShell } from "./coordinator_shell.ts";
import { ProgressWatch } from "./progress_watch.ts";

export interface RunToRestOptions {
  shell: CoordinatorShell;
  bus: CoordinatorBus;
  clock: Clock;
  stallMs: number;
  /** Starts the actors. */
  startCrew(listener: CrewListener): ActorCrew;
  /** Throws when an actor's tier is not the run's. */
  checkTier(tier: TierDescription): void;
  /** Resolves when somebody wants the run to pause. */
  interruption: Promise<"interrupted" | "terminated">;
  onBeat(beat: Beat): void;
  /** One line for people about an actor. */
  onNotice(line: string): void;
}

/** Resolves when the run rests. Rejects when log or bus fail, or a tier is the wrong one; the run can be resumed then. */
export async function runToRest(options: RunToRestOptions): Promise<void> {
  const { shell, bus, clock, stallMs } = options;
  const watch = new ProgressWatch(clock, stallMs);
  const stopping = new AbortController(), trouble = Promise.withResolvers<never>();
  trouble.promise.catch(() => {});
  /** What happens on the side must not fail in silence. */
  const aside = (work: () => Promise<unknown>) => void work().catch(trouble.reject);

  bus.onBeat((beat) => {
    watch.onBeat(beat);
    options.onBeat(beat);
  });
  bus.onDeadLetter(({ from, reason }) =>
    options.onNotice(`A message of the ${from} was unusable: ${reason}`)
  );
  bus.onTopologyLost(() => aside(() => shell.refill()));
  const crew = options.startCrew({
    onStarted(role, { tier }) {
      watch.onChange(role);
      aside(() => Promise.resolve().then(() => options.checkTier(tier)));
    },
    onEnded: (role, reason) =>
      aside(async () => {
        const command = watch.inHand(role, shell.outstanding);
        watch.onChange(role);
        options.onNotice(`The ${role} ended and starts again: ${reason}`);
        if (command !== undefined) await shell.failAttempt(command, `The ${role} ${reason}`);
        await shell.refill([role]);
      }),
  });
  const restart = async (role: Role) => {
    watch.onChange(role);
    crew.restart(role);
    await shell.refill([role]);
  };
  const restartStalled = async () => {
    for (const command of watch.stalled(shell.outstanding)) {
      options.onNotice(`The ${command.role} shows no progress for ${stallMs / 1000} s and is started again`);
      await shell.timeOut(command, stallMs);
      await restart(command.role);
    }
  };
  const watching = setInterval(oneAtATime(aside, restartStalled), Math.min(1000, Math.ceil(stallMs / 4)));
  try {
    const pausing = options.interruption.then((reason) => shell.pause(reason));
    const working = shell.refill().then(() => shell.takeResults(stopping.signal));
    await Promise.race([working, pausing, trouble.promise]);
  } finally {
    clearInterval(watching);
    stopping.abort();
    await crew.stop();
  }
}

/** Passes calls over while one is at work: a bus without its server can hold up one for much longer than a stall. */
function oneAtATime(
  run: (work: () => Promise<void>) => void,
  work: () => Promise<void>,
): () => void {
  let isAtWork = false;
  return () => {
    if (isAtWork) return;
    isAtWork = true;
    run(() => work().finally(() => void (isAtWork = false)));
  };
}
