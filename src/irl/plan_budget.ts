// What a configuration needs before anything runs: parameters, memory of every actor, work of every step; and whether it fits.
import { type Role, ROLES, type RunConfig } from "../../events/mod.ts";
import { modelShape } from "../model/checkpoint.ts";
import { numParameters } from "../model/model_shape.ts";
import { type MemoryPart, type StepMemory, stepMemory, TIER_MEMORY, total } from "./memory_budget.ts";
import type { PlanData } from "./plan_data.ts";
import { stepSizes } from "./step_sizes.ts";
import { runWork, type StepWork } from "./work_budget.ts";

export interface PlanBudget {
  numParameters: { policy: number; reward: number };
  trainsAdapters: boolean;
  data: PlanData;
  actors: ActorMemory[];
  steps: StepWork[];
}

/** One actor's process at its peak: a process keeps what it once took, so its largest step counts. */
export interface ActorMemory {
  role: Role;
  /** Every step that it does; the largest first. */
  steps: StepMemory[];
  peakBytes: number;
}

/** `lanes`: what the tier has (`lanesOf`). */
export function planBudget(
  config: RunConfig,
  data: PlanData,
  tier: keyof typeof TIER_MEMORY,
  lanes = 1,
): PlanBudget {
  const memory = stepSizes(config, data, { isTraced: tier === "native" })
    .map((sizes) => stepMemory(sizes, { ...TIER_MEMORY[tier], lanes }));
  const shape = modelShape(config.model, data.vocabularySize, "policy");
  return {
    numParameters: {
      policy: numParameters(shape),
      reward: numParameters({ ...shape, head: "reward" }),
    },
    trainsAdapters: config.lora !== null,
    data,
    actors: ROLES.map((role) => {
      const steps = memory.filter((step) => step.role === role).sort((a, b) => b.peakBytes - a.peakBytes);
      return { role, steps, peakBytes: steps[0]?.peakBytes ?? 0 };
    }),
    steps: runWork(config, data),
  };
}

export interface AvailableMemory {
  /** Bytes that processes of this machine may still take. */
  hostBytes: number;
  /** Of a device with memory of its own; undefined where all memory is the host's. */
  deviceBytes?: number;
  /** Actors on that device. @default all */
  deviceRoles?: readonly Role[];
  /** Whether all actors are one process, in which one step follows the other. @default false */
  inProcess?: boolean;
}

/** Undefined where it fits; otherwise what to change and what is short, as one sentence. */
export function memoryShortage(
  { actors, trainsAdapters }: PlanBudget,
  { hostBytes, deviceBytes, deviceRoles = ROLES, inProcess = false }: AvailableMemory,
): string | undefined {
  const needed = (counts: (part: MemoryPart) => boolean, roles: readonly Role[] = ROLES) => {
    const each = peaks(actors.filter(({ role }) => roles.includes(role)), counts);
    return inProcess ? Math.max(0, ...each) : sum(each);
  };
  const onHost = ({ where }: MemoryPart) => deviceBytes === undefined || where === "host";
  const host = needed(onHost);
  if (host > hostBytes) {
    const found = { counts: onHost, needed: host, available: hostBytes };
    return shortage(actors, { ...found, memory: "memory", place: " here", trainsAdapters });
  }
  const device = needed(onDevice, deviceRoles);
  if (deviceBytes === undefined || device <= deviceBytes) return undefined;
  const found = { counts: onDevice, needed: device, available: deviceBytes };
  return shortage(
    actors.filter(({ role }) => deviceRoles.includes(role)),
    { ...found, memory: "the GPU's memory", place: "", trainsAdapters },
  );
}

const onDevice = ({ where }: MemoryPart) => where === "device";

/** What all actors take together, each in a process of its own, where a device has memory of its own. */
export function memoryByPlace({ actors }: PlanBudget): { hostBytes: number; deviceBytes: number } {
  return {
    hostBytes: sum(peaks(actors, (part) => !onDevice(part))),
    deviceBytes: sum(peaks(actors, onDevice)),
  };
}

/** Of each actor the parts that count, in the step that has most of them. */
function peaks(actors: readonly ActorMemory[], counts: (part: MemoryPart) => boolean): number[] {
  return actors.map(({ steps }) => Math.max(0, ...steps.map(({ parts }) => total(parts.filter(counts)))));
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 1)} GB`;
}

interface Shortage {
  /** Parts that take of what is short. */
  counts: (part: MemoryPart) => boolean;
  needed: number;
  available: number;
  /** Of what. */
  memory: string;
  /** Where that is, after "are free". */
  place: string;
  trainsAdapters: boolean;
}

function shortage(
  actors: readonly ActorMemory[],
  { counts, needed, available, memory, place, trainsAdapters }: Shortage,
): string {
  const [{ role, step, parts }] = actors
    .flatMap(({ role, steps }) => steps.map((step) => ({ role, step, parts: step.parts.filter(counts) })))
    .sort((a, b) => total(b.parts) - total(a.parts));
  const [part] = parts.sort((a, b) => b.bytes - a.bytes);
  return `${advice(step, { what: part.what, trainsAdapters })}: the run needs about ${
    gigabytes(needed)
  } of ${memory}, ${gigabytes(available)} are free${place}; the ${role} takes ${gigabytes(total(parts))}, ${
    gigabytes(part.bytes)
  } of it ${part.what}`;
}

/** What changes the largest part. */
function advice(
  { step }: StepMemory,
  { what, trainsAdapters }: { what: string; trainsAdapters: boolean },
): string {
  const isBatch = what === "activations" || what === "logits" || what === "keys and values";
  if (!isBatch && trainsAdapters) return "Take a smaller model or more memory";
  if (!isBatch) return "Train adapters (--set lora={}), or take a smaller model or more memory";
  const isDrawn = what === "keys and values";
  switch (step) {
    case "sft":
      return "Set a smaller supervised.microbatchSize";
    case "generate":
      return "Set a smaller generation.batchSize";
    case "reward":
      return "Set a smaller reward.microbatchSize";
    case "policy":
      return isDrawn ? "Set a smaller policy.rolloutBatchSize" : "Set a smaller policy.microbatchSize";
    case "evaluate":
      return "Set a smaller evaluation.batchSize";
    default:
      return step satisfies never;
  }
}
