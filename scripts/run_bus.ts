// A run's bus with what belongs to it: the private server, and the way from child processes to it.
// Which one is opened, and why: choose_bus.ts.
import type { Role } from "../events/mod.ts";
import { readLines } from "../src/bus/lines.ts";
import { createNatsBus } from "../src/bus/nats_bus.ts";
import type { NatsServer } from "../src/bus/nats_server.ts";
import { createPipeBus } from "../src/bus/pipe_bus.ts";
import type { CoordinatorBus } from "../src/bus/port.ts";
import type { BusSettings } from "./actor_settings.ts";

/** The bus of a run whose actors are child processes. */
export interface RunBus {
  readonly coordinator: CoordinatorBus;
  /** What an actor process must know to find it. */
  readonly forActors: BusSettings;
  /** Connects a child that was just started; `onLine` takes what it says besides the bus's protocol. */
  attach(role: Role, child: Deno.ChildProcess): void;
  close(): Promise<void>;
}

export type OnLine = (role: Role, line: string) => void;

export function openPipeRunBus(onLine: OnLine): RunBus {
  const bus = createPipeBus({ onStrayLine: onLine });
  return {
    coordinator: bus,
    forActors: { kind: "pipe" },
    attach: (role, child) => bus.attach(role, { input: child.stdin, output: child.stdout }),
    close: () => bus.close(),
  };
}

export async function openNatsRunBus(
  options: { run: string; fresh: boolean; url: string; token?: string; server?: NatsServer },
  onLine: OnLine,
): Promise<RunBus> {
  const { run, fresh, url, token, server } = options;
  const ending = new AbortController();
  let coordinator: CoordinatorBus;
  try {
    coordinator = await createNatsBus({ run, fresh, url, token });
  } catch (error) {
    await server?.stop();
    throw error;
  }
  return {
    coordinator,
    forActors: { kind: "nats", url, token },
    attach(role, child) {
      // Its standard input stays open for as long as we live: its end is how the child learns that we are gone.
      void readLines(child.stdout, {
        onLine: (line) => onLine(role, line),
        onTooLong: () => {},
        signal: ending.signal,
      });
    },
    async close() {
      await coordinator.close();
      ending.abort();
      await server?.stop();
    },
  };
}
