// A realistic log without any computing: the coordinator's fold asks, made-up numbers answer. Every record is chained and
// carries the true digest of commands, so that report, page, replay and export of tables can be tested in milliseconds.
import {
  type Command,
  type EventData,
  eventId,
  RunConfig,
  type RunConfigInput,
  type RunEvent,
} from "../../events/mod.ts";
import {
  commandsDigest,
  consequences,
  evolve,
  incidentId,
  initialState,
  outstanding,
  type State,
} from "../../actors/irl_coordinator.ts";
import { sha256 } from "../../src/base/canonical.ts";
import { keyFromSeed } from "../../src/base/random.ts";
import { PRESETS } from "../../src/irl/presets.ts";
import type { LogRecord } from "../../src/store/event_log.ts";
import { openMemoryLog } from "../../src/store/memory_log.ts";
import { answerOf, fabricatedDigest } from "./fabricated_answers.ts";

/** Tests count this run's events, so its sizes do not follow the preset. */
const FABRICATED = {
  ...PRESETS.tiny,
  supervised: { epochs: 8, batchSize: 32, warmupSteps: 4, chunkSteps: 24 },
};

export interface FabricatedRunOptions {
  /** @default "tiny-1" */
  run?: string;
  /** @default the preset "tiny" with a fixed number of supervised steps */
  config?: RunConfigInput;
  /** Without a gold measure; with labelled pairs. @default false */
  ownData?: boolean;
  /**
   * What happens before the command of an iteration's step: a failed attempt, a stall, a pause with its resume, or the end
   * of the run after its last attempt. @default none
   */
  incidents?: readonly FabricatedIncident[];
}

export interface FabricatedIncident {
  kind: "failure" | "stall" | "pause" | "run-failure";
  iteration: number;
  command: Command["type"];
  /** The run goes on afterwards. @default true */
  resumed?: boolean;
}

/** A whole run, or up to an incident that is not resumed. */
export function fabricatedRun(options: FabricatedRunOptions = {}): LogRecord[] {
  const writer = new RunWriter(options.run ?? "tiny-1");
  const config = RunConfig.parse(options.config ?? FABRICATED);
  writer.append({ type: "RunStarted", id: writer.idOf("start"), data: startedData(config) });
  const loaded = loadedData(config, options.ownData ?? false);
  writer.append({ type: "DemonstrationsLoaded", id: writer.idOf("load"), data: loaded });
  const incidents = [...options.incidents ?? []];
  for (let [command] = writer.outstanding; command !== undefined; [command] = writer.outstanding) {
    const { type, iteration } = command;
    const place = incidents.findIndex((next) => next.command === type && next.iteration === iteration);
    const [incident] = place < 0 ? [] : incidents.splice(place, 1);
    if (incident !== undefined) {
      writer.appendIncident(incident.kind, command);
      if (incident.resumed === false) break;
      if (incident.kind === "pause" || incident.kind === "run-failure") writer.resume();
      continue;
    }
    const { answer, seconds } = answerOf(command, config);
    writer.append(answer, { seconds });
  }
  return [...writer.records];
}

class RunWriter {
  readonly records: LogRecord[] = [];
  readonly #run: string;
  readonly #log;
  #state: State = initialState();
  #ms = Date.UTC(2026, 10, 24, 9, 30);

  constructor(run: string) {
    this.#run = run;
    this.#log = openMemoryLog(run).log;
  }

  get outstanding(): Command[] {
    return outstanding(this.#state);
  }

  idOf(step: "start" | "load"): string {
    return eventId(this.#run, { iteration: 0, step, shard: 0, chunk: 0 });
  }

  /** With what follows from it. */
  append(event: RunEvent, meta: { seconds?: number } = {}): void {
    const next = evolve(this.#state, { ...event, run: this.#run });
    if (next === this.#state) {
      throw new Error(`fabricatedRun: the coordinator does not take ${event.type} "${event.id}"`);
    }
    this.#state = next;
    this.#ms += Math.round(1000 * (meta.seconds ?? 0)) + 40;
    const at = new Date(this.#ms).toISOString();
    const record = { ...event, at, meta, commands: commandsDigest(next) };
    this.records.push(...this.#log.append([record], this.#log.sequence));
    const [consequence] = consequences(next);
    if (consequence !== undefined) this.append(consequence);
  }

  appendIncident(kind: FabricatedIncident["kind"], command: Command): void {
    const place = { v: 1, ...failedPlace(command) } as const;
    switch (kind) {
      case "failure": {
        const message = `Actor ${command.role} exited with code 137`;
        return this.append({
          type: "StepFailed",
          id: incidentId(this.#state, "failure"),
          data: { ...place, reason: "actor-exited", message },
        });
      }
      case "stall":
        return this.append({
          type: "StepTimedOut",
          id: incidentId(this.#state, "failure"),
          data: { ...place, stallMs: 300_000 },
        });
      case "pause":
        return this.append({
          type: "RunPaused",
          id: incidentId(this.#state, "pause"),
          data: { v: 1, reason: "interrupted" },
        });
      case "run-failure":
        return this.append({
          type: "RunFailed",
          id: incidentId(this.#state, "run-failure"),
          data: { v: 1, step: place.step, message: `The loss of ${command.id} is NaN` },
        });
    }
  }

  resume(): void {
    const id = incidentId(this.#state, "resume");
    this.append({ type: "RunResumed", id, data: { v: 1, software: "0.1.0" } });
  }
}

function failedPlace({ type, iteration, shard, chunk, attempt }: Command) {
  const steps = {
    TuneSupervised: "sft",
    SampleGenerations: "generate",
    LearnReward: "reward",
    OptimisePolicy: "policy",
    EvaluatePolicy: "evaluate",
  } as const;
  return { iteration, step: steps[type], shard, chunk, attempt };
}

function startedData(config: RunConfig): EventData<"RunStarted"> {
  return {
    v: 1,
    config,
    key: keyFromSeed(config.seed),
    tier: { name: "native", variant: "eager", threads: 2, engine: "tensorflow 2.21.0" },
    software: "0.1.0",
  };
}

function loadedData(config: RunConfig, ownData: boolean): EventData<"DemonstrationsLoaded"> {
  const numDemonstrations = config.task.demonstrations ?? 500;
  return {
    v: 1,
    sources: ownData ? { data: sha256("mine.jsonl"), preferences: sha256("pairs.jsonl") } : {},
    counts: { read: numDemonstrations + 12, dropped: 12 },
    demonstrations: fabricatedDigest("demonstrations"),
    prompts: fabricatedDigest("prompts"),
    evaluation: fabricatedDigest("evaluation"),
    preferences: ownData ? fabricatedDigest("preferences") : null,
    tokenizer: fabricatedDigest("tokenizer"),
    base: null,
    numDemonstrations,
    numPrompts: config.task.prompts ?? numDemonstrations,
    numEvaluationPrompts: config.task.evaluationPrompts,
    vocabularySize: 412,
    gold: ownData ? null : { name: "made-up", version: "1" },
  };
}
