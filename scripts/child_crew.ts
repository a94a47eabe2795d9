// The actors as child processes: started with their environment, watched, started again with back-off, and never orphaned.
import { type Role, ROLES } from "../events/mod.ts";
import { type ActorCrew, BackOff, type CrewListener } from "./actor_crew.ts";
import type { ActorDevices } from "./actor_devices.ts";
import { ACTOR_VARIABLE, type ActorSettings, parseHello } from "./actor_settings.ts";
import { configPath } from "./config_path.ts";
import type { OnLine, RunBus } from "./run_bus.ts";
import { tierEnvironment } from "./tier_environment.ts";

export interface ChildCrewOptions {
  run: string;
  worker: Omit<ActorSettings["worker"], "device">;
  devices: ActorDevices;
  listener: CrewListener;
  /** @default scripts/actor.ts */
  script?: URL;
}

export class ChildCrew implements ActorCrew {
  readonly #options: ChildCrewOptions;
  readonly #bus: RunBus;
  readonly #places = new Map<Role, Place>(
    ROLES.map((role) => [role, { role, backOff: new BackOff(), exit: Promise.resolve() }]),
  );
  #stopped = false;

  constructor(bus: RunBus, options: ChildCrewOptions) {
    this.#bus = bus;
    this.#options = options;
  }

  start(): void {
    for (const place of this.#places.values()) this.#start(place);
  }

  restart(role: Role): void {
    const place = this.#place(role);
    if (place.child === undefined) return;
    place.isEndWanted = true;
    kill(place.child);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { child, pause } of this.#places.values()) {
      clearTimeout(pause);
      if (child !== undefined) kill(child);
    }
    await Promise.all([...this.#places.values()].map(({ exit }) => exit));
  }

  /** Takes what a child says besides the bus's protocol. */
  readonly onLine: OnLine = (role, line) => {
    const hello = parseHello(line), place = this.#place(role);
    if (hello === undefined || this.#stopped) return;
    if ("started" in hello) this.#options.listener.onStarted(role, hello.started);
    else place.refusal = hello.refused.message;
  };

  #start(place: Place): void {
    if (this.#stopped) return;
    const { role } = place, { run, worker, devices: { [role]: device }, script } = this.#options;
    const settings: ActorSettings = { role, run, worker: { ...worker, device }, bus: this.#bus.forActors };
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        "--no-prompt",
        "--quiet",
        `--config=${configPath}`,
        (script ?? actorScript).href,
        role,
      ],
      env: {
        ...tierEnvironment(worker.tier, device),
        [ACTOR_VARIABLE]: JSON.stringify(settings),
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    Object.assign(place, { child, refusal: undefined, isEndWanted: false });
    this.#bus.attach(role, child);
    place.exit = this.#watch(place, child);
  }

  async #watch(place: Place, child: Deno.ChildProcess): Promise<void> {
    const started = performance.now();
    const words = lastWords(child.stderr);
    const status = await child.status;
    if (!this.#stopped) place.child = undefined;
    const reason = place.refusal ?? endText(status, await words);
    // The crew may have been stopped at any of these waits; then nothing starts any more.
    if (this.#stopped) return;
    const delayMs = place.backOff.delayAfter(performance.now() - started);
    place.pause = setTimeout(() => this.#start(place), place.isEndWanted ? 0 : delayMs);
    if (!place.isEndWanted) this.#options.listener.onEnded(place.role, reason);
  }

  #place(role: Role): Place {
    const place = this.#places.get(role);
    if (place === undefined) throw new Error(`There is no role "${role}"`);
    return place;
  }
}

interface Place {
  readonly role: Role;
  readonly backOff: BackOff;
  child?: Deno.ChildProcess;
  /** Resolves when the present child is gone and dealt with. */
  exit: Promise<void>;
  /** Until the next start. */
  pause?: ReturnType<typeof setTimeout>;
  /** Why its tier did not open. */
  refusal?: string;
  isEndWanted?: boolean;
}

const actorScript = new URL("./actor.ts", import.meta.url);
const WORDS_BYTES = 4000;

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It is gone already.
  }
}

function endText({ code, signal }: Deno.CommandStatus, words: string): string {
  const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
  return words === "" ? how : `${how}; its last words: ${words}`;
}

/** The end of what a process wrote to its standard error, in one line. */
async function lastWords(stderr: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of stderr) {
      text = (text + decoder.decode(chunk, { stream: true })).slice(-WORDS_BYTES);
    }
  } catch {
    // What was read so far is what there is.
  }
  return text.trim().split("\n").slice(-3).map((line) => line.trim()).join(" | ").slice(-500);
}
