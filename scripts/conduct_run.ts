// Conducts one run whose log is open: status server, bus, actors, shell; ends with an exit code and words about what to do next.
import { basename, dirname } from "node:path";
import type { State } from "../actors/irl_coordinator.ts";
import { stateName } from "../actors/irl_coordinator.ts";
import type { RunConfig, TierRecord } from "../events/mod.ts";
import { DamageError, RunFailedError } from "../src/base/errors.ts";
import { createMemoryBus } from "../src/bus/memory_bus.ts";
import type { CoordinatorBus } from "../src/bus/port.ts";
import { eventOf } from "../src/status/run_record.ts";
import type { LogRecord, OpenedLog } from "../src/store/event_log.ts";
import { openTelemetry } from "../src/store/telemetry.ts";
import type { ActorCrew, CrewListener } from "./actor_crew.ts";
import { type ActorDevices, deviceOfAll } from "./actor_devices.ts";
import { ChildCrew } from "./child_crew.ts";
import { type BusName, isInProcess, openRunBus } from "./choose_bus.ts";
import { checkSameTier, type ChosenCompute, tierLines } from "./choose_compute.ts";
import { CoordinatorShell } from "./coordinator_shell.ts";
import { prepareExit } from "./exit_now.ts";
import { InProcessCrew } from "./in_process_crew.ts";
import { nextSteps, resumeHint } from "./next_steps.ts";
import type { RunContext } from "./run_context.ts";
import { createRunReporter } from "./run_reporter.ts";
import { runToRest } from "./run_to_rest.ts";
import { startStatusServer } from "./status.ts";
import { tierEnvironment } from "./tier_environment.ts";

export interface RunParts {
  folder: string;
  /** How a person names the run: a name in the runs folder, or a path. */
  label: string;
  opened: OpenedLog;
  /** Whether the run begins, rather than goes on. */
  fresh: boolean;
  /** Folded from the log. */
  state: State;
  config: RunConfig;
  tier: TierRecord;
  compute: ChosenCompute;
  /** Records how the run begins or goes on. */
  begin(shell: CoordinatorShell): Promise<void>;
}

export interface ConductOptions {
  bus: BusName;
  inProcess: boolean;
  /** Which NVIDIA GPU each actor computes on. */
  devices: ActorDevices;
  /** Whether the user lets libraries and servers be fetched at all. */
  mayFetch: boolean;
  /** Undefined: no status server. */
  http?: { port?: number };
}

/** Returns the exit code; closes the log. Throws what keeps the run from starting or going on. */
export async function conductRun(
  parts: RunParts,
  options: ConductOptions,
  context: RunContext,
): Promise<number> {
  const { folder, opened: { log, records }, compute } = parts, { terminal, clock } = context;
  const known = [...records];
  await using closing = new AsyncDisposableStack();
  closing.defer(() => log.close());
  const server = options.http === undefined
    ? undefined
    : startStatusServer({ runsFolder: dirname(folder), only: basename(folder), port: options.http.port });
  if (server !== undefined) closing.defer(() => server.stop());
  const team = await assembleTeam(parts, options, context);
  closing.defer(() => team.close());
  terminal.progress("");
  for (const line of tierLines(compute)) terminal.line(line);
  terminal.line(`Bus    ${team.reason}`);
  if (server !== undefined) terminal.line(`Page   ${server.address}`);
  const telemetry = openTelemetry(folder);
  closing.defer(() => telemetry.close());
  const reporter = createRunReporter({ terminal, clock, records });
  const shell = new CoordinatorShell(parts.state, {
    log,
    bus: team.bus,
    clock,
    onRecord(record) {
      known.push(record);
      context.onRecord?.(record);
      reporter.onRecord(record);
      server?.changed(basename(folder));
    },
    onMoment: context.substitutes?.onMoment,
  });
  const interruption = context.catchSignals();
  await parts.begin(shell);
  await runToRest({
    shell,
    bus: team.bus,
    clock,
    stallMs: parts.config.supervision.stallMs,
    startCrew: team.startCrew,
    checkTier: (tier) => checkSameTier(parts.tier, tier),
    interruption,
    onBeat(beat) {
      telemetry.write({ at: clock.iso(), ...beat });
      reporter.onBeat(beat);
    },
    onNotice: (line) => terminal.line(line),
  });
  terminal.progress("");
  return ending(shell.state, known, { parts, context });
}

/** The smallest preset is for tests and a first look: it takes what is there and fetches only what is asked for by name. */
export function mayFetchFor(
  { preset }: RunConfig,
  { mayFetch, isAskedFor }: { mayFetch: boolean; isAskedFor: boolean },
): boolean {
  return mayFetch && (preset !== "tiny" || isAskedFor);
}

interface Team {
  bus: CoordinatorBus;
  reason: string;
  startCrew(listener: CrewListener): ActorCrew;
  close(): Promise<void>;
}

/** Bus and actors: in this process, or as children. */
async function assembleTeam(
  { folder, fresh, compute, config, opened: { log: { run } } }: RunParts,
  options: ConductOptions,
  { environment, terminal, substitutes }: RunContext,
): Promise<Team> {
  const worker = { tier: compute.options, folder };
  if (isInProcess(options.bus, options.inProcess)) {
    const device = deviceOfAll(options.devices);
    if (compute.options.name === "native") prepareForNative(tierEnvironment(compute.options, device));
    const memory = createMemoryBus();
    return {
      bus: memory.coordinator,
      reason: "memory: all actors are in this process",
      startCrew: (listener) =>
        new InProcessCrew(memory, {
          worker: { ...worker, device },
          listener,
          openCompute: substitutes?.openCompute,
        }),
      close: () => memory.coordinator.close(),
    };
  }
  let crew: ChildCrew | undefined;
  const { bus, reason } = await openRunBus({
    requested: options.bus === "memory" ? "auto" : options.bus,
    run,
    fresh,
    mayFetch: mayFetchFor(config, { ...options, isAskedFor: options.bus === "nats" }),
    environment,
    log: (line) => terminal.progress(line),
  }, (role, line) => crew?.onLine(role, line));
  return {
    bus: bus.coordinator,
    reason,
    startCrew(listener) {
      crew = new ChildCrew(bus, {
        run,
        worker,
        devices: options.devices,
        listener,
        script: substitutes?.actorScript,
      });
      crew.start();
      return crew;
    },
    close: () => bus.close(),
  };
}

/** What the library reads when it is loaded. What glibc reads takes effect only in processes that start with it. */
function prepareForNative(environment: Record<string, string>): void {
  prepareExit();
  for (const [name, text] of Object.entries(environment)) Deno.env.set(name, text);
}

/** What to say and return when the run rests. */
function ending(
  state: State,
  records: readonly LogRecord[],
  { parts, context: { terminal } }: { parts: RunParts; context: RunContext },
): number {
  const name = stateName(state);
  if (name === "done") {
    for (const line of nextSteps(records, parts)) terminal.line(line);
    return 0;
  }
  if (name === "paused") {
    terminal.line(`The run is paused. ${resumeHint(parts.label)}`);
    return 130;
  }
  const events = records.map(eventOf);
  const failure = events.findLast((event) => event.type === "RunFailed");
  const cause = events.findLast((event) => event.type === "StepFailed");
  // The first line says what; where in the code is in the log, and shown with IRL_DEBUG.
  const [what] = (failure?.data.message ?? name).split("\n");
  // What a step refuses it refuses again: a run keeps its configuration and its data.
  const hint = cause?.data.reason === "refused-input" ? "" : `\n${resumeHint(parts.label)}`;
  const message = `The run failed: ${what}${hint}`;
  const options = { cause: failure?.data.message };
  if (cause?.data.reason === "artifact-damaged") {
    throw new DamageError(message, { file: parts.folder, ...options });
  }
  throw new RunFailedError(message, options);
}
