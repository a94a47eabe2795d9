// How much memory each step takes at its peak, part by part, in bytes. Sizes follow from shapes (step_sizes.ts, model_cost.ts); what a
// tier takes by itself is measured (`deno task plan PRESET --measure` measures and compares).
import type { Role } from "../../events/mod.ts";
import { TILED_FROM_FUSED } from "../model/causal_attention.ts";
import { cachedNumbers, keptActivations, passingActivations, tileScores } from "../model/model_cost.ts";
import { type ModelShape, numParameters } from "../model/model_shape.ts";
import { lanesFor } from "./lanes.ts";
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
  /** Compiling the largest program, and for each of its layers; freed memory stays with the process. */
  compilerBytes: number;
  layerBytes: number;
  /** Each further program. */
  programBytes: number;
  /** Times that activations and logits are there: operation by operation, one's results and the next one's stand side by side. */
  arrayFactor: number;
  /** Length from which attention of texts, and of prompts that are continued, is in tiles. @default TILED_FROM, for both */
  tiledFrom?: { texts?: number; prompts: number };
  /** Parts that are worked on at a time where they are small. @default 1 */
  lanes?: number;
}

const EAGER = {
  compilerBytes: 0,
  layerBytes: 0,
  programBytes: 0,
  arrayFactor: 2,
  tiledFrom: { prompts: Infinity },
};

/** Measured on Linux x86_64, tensorflow 2.21.0 and tfjs 4.22.0, Deno 2.9.6, two cores: resident memory. */
export const TIER_MEMORY: Record<"native" | "wasm" | "webgpu" | "cpu", TierMemory> = {
  native: { openBytes: 485e6, compilerBytes: 150e6, layerBytes: 27e6, programBytes: 15e6, arrayFactor: 1 },
  wasm: { ...EAGER, openBytes: 185e6, tiledFrom: { texts: TILED_FROM_FUSED, prompts: Infinity } },
  cpu: { ...EAGER, openBytes: 350e6 },
  // Not measured.
  webgpu: { ...EAGER, openBytes: 300e6 },
};

const BYTES = 4;
/**
 * Arrays of [tokens, vocabulary] at a time: in training probabilities, which their gradient replaces, and in scoring logits that become
 * probabilities; measured.
 */
const TRAINED_LOGITS = 1.1, SCORED_LOGITS = 1.95;
/** Arrays of [rows, vocabulary] where a token is drawn: logits, probabilities, sums of them and what is between. */
const DRAWN_LOGITS = 5;
/** Arrays of a tile's scores at a time, as XLA lays them out: products and shares, in training their gradients as well. */
const PASSING_TILES = 2, TRAINED_TILES = 4;
/** Vectors on the device of what is trained: parameters and two moments. */
const STATE_VECTORS = 3;
/** A program without gradients cuts the vector of parameters into tensors of their own. */
const PROGRAM_VECTORS = 1;
/** On the host: the file that a state came from and its three vectors; three read, copied and in the file when it is saved. */
const STARTED_VECTORS = 6, SAVED_VECTORS = 9;

export function stepMemory(sizes: StepSizes, tier: TierMemory): StepMemory {
  const parts = [...ownParts(sizes, tier), ...parameterParts(sizes), ...workingParts(sizes, tier)]
    .filter(({ bytes }) => bytes > 0);
  return { step: sizes.step, role: ROLE_OF_STEP[sizes.step], parts, peakBytes: total(parts) };
}

export function total(parts: readonly MemoryPart[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

function ownParts({ trained, scored, generated }: StepSizes, tier: TierMemory): MemoryPart[] {
  // A batch in parts has a program for a part and one for the update.
  const numPrograms = trained.reduce(
    (sum, { isCut }) => sum + (isCut ? 2 : 1),
    scored.length + generated.length,
  );
  const numLayers = Math.max(...[...trained, ...scored, ...generated].map(({ model }) => model.numLayers));
  return [
    { what: "runtime and libraries", bytes: tier.openBytes, where: "host" },
    {
      what: "compiler and programs",
      bytes: tier.compilerBytes + tier.layerBytes * numLayers + tier.programBytes * (numPrograms - 1),
      where: "host",
    },
  ];
}

function parameterParts({ trained, frozen, loaded }: StepSizes): MemoryPart[] {
  const trainedBytes = sumOf(trained, (size) => BYTES * size.trainedNumbers);
  // An adapter stands on a frozen network.
  const bases = trained.filter(({ isAdapter }) => isAdapter).map(({ model }) => model);
  const models = [...loaded, ...bases];
  return [
    {
      what: "parameters",
      bytes: trainedBytes + sumOf([...frozen, ...bases], vectorBytes),
      where: "device",
    },
    { what: "moments of the optimiser", bytes: (STATE_VECTORS - 1) * trainedBytes, where: "device" },
    {
      // The numbers of each, and the file of one.
      what: "models as they were loaded",
      bytes: sumOf(models, vectorBytes) + Math.max(0, ...models.map(vectorBytes)),
      where: "host",
    },
    {
      what: "states loaded and saved",
      bytes: (STARTED_VECTORS + SAVED_VECTORS) * trainedBytes,
      where: "host",
    },
  ];
}

/** What the largest program works in, which the others use as well. */
function workingParts(sizes: StepSizes, tier: TierMemory): MemoryPart[] {
  const sums = sumOf(sizes.trained, ({ isCut, trainedNumbers }) => isCut ? BYTES * trainedNumbers : 0);
  const largest = programParts(sizes, tier).reduce(
    (most, parts) => total(parts) > total(most) ? parts : most,
    [],
  );
  const isArray = (what: string) => ["activations", "tiles of attention", "logits"].includes(what);
  return [
    part("summed gradients", sums),
    ...largest.map(({ what, bytes }) => part(what, isArray(what) ? tier.arrayFactor * bytes : bytes)),
  ];
}

/** Of every program, as often as it runs at a time. */
function programParts(
  { trained, scored, generated }: StepSizes,
  { lanes = 1, tiledFrom }: TierMemory,
): MemoryPart[][] {
  const lanesAt = (size: BatchSize) => lanesFor({ lanes }, size.model, size);
  return [
    ...generated.map((size) => {
      const prompts = {
        rows: size.rows / size.samples,
        time: size.promptTime,
        tiledFrom: tiledFrom?.prompts,
      };
      return [
        part("parameters in pieces", PROGRAM_VECTORS * vectorBytes(size.model)),
        part("keys and values", BYTES * cachedNumbers(size.model, size)),
        part("activations", BYTES * passingActivations(size.model, prompts)),
        part("tiles of attention", PASSING_TILES * BYTES * tileScores(size.model, prompts)),
        part("logits", DRAWN_LOGITS * logitBytes({ ...size, time: 1 })),
      ];
    }),
    ...scored.map((size) => {
      const numParts = lanesAt(size), batch = { ...size, tiledFrom: tiledFrom?.texts };
      return [
        part("parameters in pieces", PROGRAM_VECTORS * vectorBytes(size.model)),
        part("activations", numParts * BYTES * passingActivations(size.model, batch)),
        part("tiles of attention", numParts * PASSING_TILES * BYTES * tileScores(size.model, batch)),
        part("logits", numParts * SCORED_LOGITS * logitBytes(size)),
      ];
    }),
    ...trained.map((size) => {
      // One after the other, the gradients of parts are added to the sums as they come; a whole batch is cut for the lanes. What an
      // adapter makes of the network is made in the program as well.
      const numLanes = lanesAt(size),
        numParts = size.isCut ? numLanes : 1,
        batch = { ...size, tiledFrom: tiledFrom?.texts };
      const gradients = size.isCut && numLanes === 1 ? 0 : numLanes;
      return [
        part("gradients", (gradients + Number(size.isAdapter)) * vectorBytes(size.model)),
        part("activations", numParts * BYTES * keptActivations(size.model, batch)),
        part("tiles of attention", numParts * TRAINED_TILES * BYTES * tileScores(size.model, batch)),
        part("logits", numParts * TRAINED_LOGITS * logitBytes(size)),
      ];
    }),
  ];
}

function part(what: string, bytes: number): MemoryPart {
  return { what, bytes, where: "device" };
}

function sumOf<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}

function vectorBytes(model: ModelShape): number {
  return BYTES * numParameters(model);
}

function logitBytes({ model, rows, time }: BatchSize): number {
  return model.head === "policy" ? BYTES * rows * time * model.vocabularySize : 0;
}
