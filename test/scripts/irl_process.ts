// `deno task irl` with fake actors as real processes: started, watched, killed.
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROLES } from "../../events/mod.ts";
import { configPath } from "../../scripts/config_path.ts";
import { FAKE_WORLD_VARIABLE, type FakeWorldSettings } from "../support/fake_world.ts";
import { QUIET, SMALL } from "./irl_fixtures.ts";

export interface IrlProcessOptions {
  runs: string;
  /** Behind those that every test run has. */
  args: readonly string[];
  world?: Partial<FakeWorldSettings>;
  environment?: Record<string, string>;
}

const script = new URL("../support/fake_irl.ts", import.meta.url);

/** A coordinator with its four actors. */
export class IrlProcess {
  readonly #child: Deno.ChildProcess;
  readonly #pidFolder: string;
  readonly #output: Promise<string>;

  constructor({ runs, args, world, environment }: IrlProcessOptions) {
    this.#pidFolder = Deno.makeTempDirSync({ dir: runs, prefix: "_pids-" });
    const settings = { delayMs: 0, ...world, pidFolder: this.#pidFolder };
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        `--config=${configPath}`,
        script.href,
        ...QUIET,
        `--runs-dir=${runs}`,
        ...args,
      ],
      env: { ...environment, NO_COLOR: "1", [FAKE_WORLD_VARIABLE]: JSON.stringify(settings) },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#output = Promise.all(
      [this.#child.stdout, this.#child.stderr].map((stream) => new Response(stream).text()),
    )
      .then((texts) => texts.join(""));
  }

  get pid(): number {
    return this.#child.pid;
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Exit code (137 for a kill) and everything it said. */
  async end(): Promise<{ code: number; output: string }> {
    const { code } = await this.#child.status;
    return { code, output: await this.#output };
  }

  /** Process ids of the actors that were started last. */
  actorPids(): number[] {
    return ROLES.flatMap((role) => {
      const pid = this.#actorPid(role);
      return pid === undefined ? [] : [pid];
    });
  }

  /** Sends a signal to the role's actor, as soon as there is one. */
  async signalActor(role: string, signal: Deno.Signal): Promise<void> {
    await until(`the ${role} is there`, () => this.#actorPid(role) !== undefined);
    const pid = this.#actorPid(role);
    if (pid !== undefined) Deno.kill(pid, signal);
  }

  #actorPid(role: string): number | undefined {
    try {
      const pid = Number(Deno.readTextFileSync(join(this.#pidFolder, role)));
      // Zero would mean this whole group of processes.
      return pid > 1 ? pid : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Arguments of a new run and of its resumption. */
export function startArgs(run: string): string[] {
  return [...SMALL, "--bus=pipe", `--run=${run}`];
}

/** Waits until the condition holds; fails the test when it takes too long. */
export async function until(what: string, condition: () => boolean, patienceMs = 20_000): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  while (!condition()) {
    assert.ok(performance.now() < giveUpAt, `waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Whether there is such a process, and it is not only waiting to be forgotten by its parent. */
export function isAlive(pid: number): boolean {
  try {
    const [, state] = /\) (\S)/.exec(Deno.readTextFileSync(`/proc/${pid}/stat`)) ?? [];
    return state !== "Z" && state !== "X";
  } catch {
    return false;
  }
}
