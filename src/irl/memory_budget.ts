// How much memory each step takes at its peak, part by part, in bytes. Sizes follow from shapes (step_sizes.ts, model_cost.ts); what a
// tier takes by itself is measured (`deno task plan PRESET --measure` measures and compares).
import type { Role } from "../../events/mod.ts";
import { cachedNumbers, keptActivations, passingActivations } from "../model/model_cost.ts";
import { type ModelShape, numParameters } from "../model/model_shape.ts";
import { type BatchSize, type PlannedStep, ROLE_OF_STEP, type StepSizes } from "./step_sizes.ts";

export interface MemoryPart {
  what: string;
  bytes: number;
  /** Where a device has memory of its own; elsewhere all is the host's. */
  where: "host" | "device";
}

export interface StepMemory {
  step: PlannedStep;
  role: Role;
  /** What is there at the moment when most is. */
  parts: MemoryPart[];
  peakBytes: number;
}

/** What a process of a tier takes beside the arrays. */
export interface TierMemory {
  /** Resident with the tier open: runtime, libraries, self-test. */
  openBytes: number;
  /** One compiled program and what compiling leaves behind, and for each layer in it; twice that with gradients. */
  programBytes: number;
  layerBytes: number;
}

/** Measured on Linux x86_64, tensorflow 2.21.0 and tfjs 4.22.0, Deno 2.9.6: two cores, resident memory. */
export const TIER_MEMORY: Record<"native" | "wasm" | "webgpu" | "cpu", TierMemory> = {
  native: { openBytes: 428e6, programBytes: 70e6, layerBytes: 17e6 },
  wasm: { openBytes: 260e6, programBytes: 0, layerBytes: 0 },
  webgpu: { openBytes: 300e6, programBytes: 0, layerBytes: 0 },
  cpu: { openBytes: 230e6, programBytes: 0, layerBytes: 0 },
};

const BYTES = 4;
/** Arrays of [tokens, vocabulary] at a time: probabilities and their gradient in training, logits and probabilities in scoring. */
const TRAINED_LOGITS = 2.2, SCORED_LOGITS = 2;
/** Arrays of [rows, vocabulary] where a token is drawn: logits, probabilities, sums of them and what is between. */
const DRAWN_LOGITS = 5;
/** A trained network's vectors on the device: parameters and two moments. */
const STATE_VECTORS = 3;
/** On the host while a state is saved: what it started from, what was read (twice), and the bytes of the file; three each. */
const SAVED_VECTORS = 12;
/** On the host while nothing is saved: what the state started from, and the file that it came from. */
const STARTED_VECTORS = 3;
/** On the host for every model that is frozen: its numbers and the file that they came from. */
const FROZEN_HOST_VECTORS = 1;

export function stepMemory(sizes: StepSizes, tier: TierMemory): StepMemory {
  const always = [...ownParts(sizes, tier), ...parameterParts(sizes)];
  const computing = [...always, ...hostParts(sizes, STARTED_VECTORS), ...computingParts(sizes)];
  const saving = [...always, ...hostParts(sizes, SAVED_VECTORS)];
  const isSaving = sizes.trained.length > 0 && total(saving) > total(computing);
  const parts = (isSaving ? saving : computing).filter(({ bytes }) => bytes > 0);
  return { step: sizes.step, role: ROLE_OF_STEP[sizes.step], parts, peakBytes: total(parts) };
}

export function total(parts: readonly MemoryPart[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

function ownParts({ trained, scored, generated }: StepSizes, tier: TierMemory): MemoryPart[] {
  const program = ({ model }: BatchSize, factor: number) =>
    factor * (tier.programBytes + tier.layerBytes * model.numLayers);
  const programs = [
    ...trained.map((size) => program(size, 2)),
    ...[...scored, ...generated].map((size) => program(size, 1)),
  ];
  return [
    { what: "runtime and libraries", bytes: tier.openBytes, where: "host" },
    { what: "compiled programs", bytes: programs.reduce((sum, bytes) => sum + bytes, 0), where: "host" },
  ];
}

function parameterParts({ trained, frozen }: StepSizes): MemoryPart[] {
  const sum = (of: (model: ModelShape) => number, models: readonly ModelShape[]) =>
    models.reduce((bytes, model) => bytes + of(model), 0);
  const models = trained.map(({ model }) => model);
  return [
    { what: "parameters", bytes: sum(vectorBytes, models) + sum(vectorBytes, frozen), where: "device" },
    {
      what: "moments of the optimiser",
      bytes: (STATE_VECTORS - 1) * sum(vectorBytes, models),
      where: "device",
    },
    {
      what: "parameters on their way to the device",
      bytes: FROZEN_HOST_VECTORS * sum(vectorBytes, frozen),
      where: "host",
    },
  ];
}

function hostParts({ trained }: StepSizes, vectors: number): MemoryPart[] {
  const bytes = trained.reduce((sum, { model }) => sum + vectors * vectorBytes(model), 0);
  const what = vectors === SAVED_VECTORS ? "states being saved" : "states as they were loaded";
  return [{ what, bytes, where: "host" }];
}

/** Gradients, activations and logits of the largest program, and caches: one runs at a time, and memory is used again. */
function computingParts({ trained, scored, generated }: StepSizes): MemoryPart[] {
  const sums = trained.reduce((bytes, { model, isCut }) => bytes + (isCut ? vectorBytes(model) : 0), 0);
  const programs = [
    ...trained.map((size) => [
      part("gradients", vectorBytes(size.model)),
      part("activations", BYTES * keptActivations(size.model, size)),
      part("logits", TRAINED_LOGITS * logitBytes(size)),
    ]),
    ...scored.map((size) => [
      part("activations", BYTES * passingActivations(size.model, size)),
      part("logits", SCORED_LOGITS * logitBytes(size)),
    ]),
    ...generated.map((size) => [
      part("keys and values", BYTES * cachedNumbers(size.model, size)),
      part(
        "activations",
        BYTES * passingActivations(size.model, { rows: size.rows / size.samples, time: size.promptTime }),
      ),
      part("logits", DRAWN_LOGITS * logitBytes({ ...size, time: 1 })),
    ]),
  ];
  const largest = programs.reduce<MemoryPart[]>(
    (most, parts) => total(parts) > total(most) ? parts : most,
    [],
  );
  return [part("summed gradients", sums), ...largest];
}

function part(what: string, bytes: number): MemoryPart {
  return { what, bytes, where: "device" };
}

function vectorBytes(model: ModelShape): number {
  return BYTES * numParameters(model);
}

function logitBytes({ model, rows, time }: BatchSize): number {
  return model.head === "policy" ? BYTES * rows * time * model.vocabularySize : 0;
}
