// Training steps a to b from a saved state to the next saved state: the loop that SFT, reward learning and policy
// optimisation share. State is three flat vectors, which the step changes in place where it is compiled; the loss is a pure
// function of parameters and batch tensors.
import * as tf from "@tensorflow/tfjs-core";
import { NonFiniteError, ShapeError } from "../base/errors.ts";
import type { Digest } from "../base/ports.ts";
import type { RandomKey } from "../base/random.ts";
import { callAll } from "../compute/call_all.ts";
import type { TensorState, Tier } from "../compute/tier.ts";
import { learningRateFactor } from "../math/learning_rate.ts";
import { decodeTrainingState, encodeTrainingState, type TrainingState } from "../model/checkpoint.ts";
import type { ModelShape } from "../model/model_shape.ts";
import { lanesFor } from "./lanes.ts";
import type { StepPorts } from "./step_ports.ts";
import type { TrainedModel } from "./trained_model.ts";
import type { TrainerSettings } from "./trainer_settings.ts";
import { compileTraining, type TrainingFunctions } from "./training_programs.ts";

export interface TrainerOptions extends TrainerSettings, TrainingFunctions {
  /** The network of the loss. */
  model: ModelShape;
}

/** Part of a batch: activations of one part are in memory at a time, or of one in each lane. */
export interface BatchPart {
  /** What the loss takes after the parameters: tokens [rows, time] first. */
  tensors: tf.Tensor[];
  /** Share of this part's loss in the whole batch's; all weights sum to 1. */
  weight: number;
}

/** One open training: trained vector and moments on the backend. Close it, whatever happens. */
export interface Trainer {
  /**
   * The network's current parameters, [parameters], without a copy where all of it is trained; owned by the trainer and gone
   * with its next update.
   */
  parameters(): tf.Tensor;
  /**
   * One update on a batch, whole or in parts whose gradients are added; returns the loss before it. Throws NonFiniteError
   * and leaves the state as it was. The caller disposes the tensors.
   */
  update(step: number, parts: readonly BatchPart[]): Promise<number>;
  state(step: number): Promise<TrainingState>;
  close(): void;
}

export function openTrainer(ports: StepPorts, start: TrainingState, options: TrainerOptions): Trainer {
  const { size } = options.trainable;
  for (const { length } of [start.parameters, start.firstMoment, start.secondMoment]) {
    if (length !== size) {
      throw new ShapeError(`${options.name}: wants ${size} trained numbers, got ${length}`);
    }
  }
  return new StateTrainer(ports, start, options);
}

class StateTrainer implements Trainer {
  readonly #tier: Tier;
  readonly #options: TrainerOptions;
  readonly #steps: ReturnType<typeof compileTraining>;
  /** Trained vector, first and second moment. */
  readonly #vectors: TensorState;
  /** Gradient and loss of a batch that comes in parts, summed so far. */
  #sums: TensorState | undefined;
  /** What `parameters` gave away. */
  #shown: tf.Tensor | undefined;

  constructor({ tier }: StepPorts, start: TrainingState, options: TrainerOptions) {
    this.#tier = tier;
    this.#options = options;
    this.#steps = compileTraining(tier, options);
    this.#vectors = tier.openState(
      [start.parameters, start.firstMoment, start.secondMoment].map((vector) => tf.tensor1d(vector)),
    );
  }

  parameters(): tf.Tensor {
    return this.#shown ??= this.#network();
  }

  async update(step: number, parts: readonly BatchPart[]): Promise<number> {
    const { name, optimiser, learningRate } = this.#options;
    const loss = await useScalars([
      learningRate * learningRateFactor(step, this.#options),
      1 - optimiser.beta1 ** (step + 1),
      1 - optimiser.beta2 ** (step + 1),
    ], (scalars) => this.#updateBy(scalars, parts));
    const [value] = await loss.data();
    loss.dispose();
    if (Number.isFinite(value)) return value;
    this.#dropSums();
    throw new NonFiniteError(`${name}: the loss of training step ${step + 1} is ${value}`);
  }

  async state(step: number): Promise<TrainingState> {
    const [parameters, firstMoment, secondMoment] = [
      await this.#read(0),
      await this.#read(1),
      await this.#read(2),
    ];
    if (!parameters.every(Number.isFinite)) {
      throw new NonFiniteError(
        `${this.#options.name}: a parameter is not finite after training step ${step}`,
      );
    }
    return { parameters, firstMoment, secondMoment, step };
  }

  close(): void {
    this.#hide();
    this.#dropSums();
    this.#vectors.dispose();
  }

  #network(): tf.Tensor {
    const { constants } = this.#options.trainable, trained = this.#vectors.read(0);
    if (constants.length === 0) return trained;
    try {
      return this.#steps.network(trained, ...constants)[0];
    } finally {
      trained.dispose();
    }
  }

  async #updateBy(scalars: tf.Tensor[], parts: readonly BatchPart[]): Promise<tf.Tensor> {
    this.#hide();
    if (parts.length === 1) return this.#whole(scalars, parts[0]);
    const sizes = parts.map(({ tensors: [{ shape: [rows = 1, time = 1] }] }) => ({ rows, time }));
    const lanes = lanesFor(this.#tier, this.#options.model, ...sizes);
    return await (lanes === 1 ? this.#inParts(scalars, parts) : this.#inLanes(scalars, parts, lanes));
  }

  #whole(scalars: tf.Tensor[], { tensors }: BatchPart): tf.Tensor {
    return this.#steps.whole(this.#vectors, ...scalars, ...this.#options.trainable.constants, ...tensors)[0];
  }

  /** Several parts at a time, each with a gradient of its own; they are added in the parts' order. */
  async #inLanes(scalars: tf.Tensor[], parts: readonly BatchPart[], lanes: number): Promise<tf.Tensor> {
    const { gradient, update } = this.#steps, { constants } = this.#options.trainable;
    const trained = this.#vectors.read(0), sums = new OrderedSums();
    try {
      await callAll(
        lanes,
        parts.map(({ tensors, weight }, i) => async () => {
          const run = ([share]: tf.Tensor[]) => gradient.later(trained, share, ...constants, ...tensors);
          sums.add(i, await useScalars([weight], run));
          return [];
        }),
      );
      // The update works in place where nobody else holds the vector.
      trained.dispose();
      const [slope, loss] = sums.values();
      update(this.#vectors, ...scalars, slope, loss);
      return tf.clone(loss);
    } finally {
      trained.dispose();
      sums.dispose();
    }
  }

  /** One part after the other, whose gradients are added where they are made: one is in memory. */
  async #inParts(scalars: tf.Tensor[], parts: readonly BatchPart[]): Promise<tf.Tensor> {
    const { part, update } = this.#steps, { size, constants } = this.#options.trainable;
    const sums = this.#sums ??= this.#tier.openState([tf.zeros([size]), tf.scalar(0)]);
    const trained = this.#vectors.read(0);
    try {
      for (const [index, { tensors, weight }] of parts.entries()) {
        await useScalars(
          [Number(index > 0), weight],
          (carry) => part(sums, trained, ...carry, ...constants, ...tensors),
        );
      }
    } finally {
      trained.dispose();
    }
    const gradient = sums.read(0), loss = sums.read(1);
    try {
      update(this.#vectors, ...scalars, gradient, loss);
    } finally {
      gradient.dispose();
    }
    return loss;
  }

  async #read(index: number): Promise<Float32Array> {
    const vector = this.#vectors.read(index);
    return await readVector(vector).finally(() => vector.dispose());
  }

  /** The update changes the parameters in place only where nobody else holds them. */
  #hide(): void {
    this.#shown?.dispose();
    this.#shown = undefined;
  }

  #dropSums(): void {
    this.#sums?.dispose();
    this.#sums = undefined;
  }
}

/** Sums of lists of tensors that come in any order and are added in one: the same bits whichever is ready first. */
class OrderedSums {
  readonly #waiting = new Map<number, tf.Tensor[]>();
  #sums: tf.Tensor[] = [];
  #next = 0;

  /** Takes the tensors over. */
  add(place: number, tensors: tf.Tensor[]): void {
    this.#waiting.set(place, tensors);
    for (let ready = this.#waiting.get(this.#next); ready; ready = this.#waiting.get(++this.#next)) {
      const before = this.#sums, added = ready;
      this.#sums = this.#next === 0 ? added : before.map((sum, i) => tf.add(sum, added[i]));
      if (this.#next > 0) tf.dispose([...before, ...added]);
      this.#waiting.delete(this.#next);
    }
  }

  values(): tf.Tensor[] {
    return this.#sums;
  }

  dispose(): void {
    tf.dispose([...this.#sums, ...Array.from(this.#waiting.values()).flat()]);
  }
}

/** What `use` makes of numbers as scalar tensors, which are freed. */
async function useScalars<Result>(
  values: readonly number[],
  use: (scalars: tf.Tensor[]) => Result | Promise<Result>,
): Promise<Result> {
  const scalars = values.map((value) => tf.scalar(value));
  try {
    return await use(scalars);
  } finally {
    tf.dispose(scalars);
  }
}

export async function readVector(tensor: tf.Tensor): Promise<Float32Array> {
  return Float32Array.from(await tensor.data());
}

/** A saved state, or a fresh one around the first trained vector. */
export async function trainingState(
  ports: StepPorts,
  saved: Digest | null,
  { trainable: { size }, first }: Pick<TrainedModel, "trainable" | "first">,
): Promise<TrainingState> {
  if (saved !== null) return decodeTrainingState(await ports.artifacts.get(saved), size, saved);
  return {
    parameters: await first(),
    firstMoment: new Float32Array(size),
    secondMoment: new Float32Array(size),
    step: 0,
  };
}

/** Where a chunk of steps stands: what its command and the data of its event have in common. */
interface ChunkPlace {
  iteration: number;
  chunk: number;
  fromStep: number;
  toStep: number;
  numSteps: number;
  key: RandomKey;
}

/** The first fields of a chunk's event, from its command. */
export function chunkPlace(
  { iteration, chunk, fromStep, toStep, numSteps, key }: ChunkPlace,
): ChunkPlace & { v: 1 } {
  return { v: 1, iteration, chunk, fromStep, toStep, numSteps, key };
}

export async function saveState(ports: StepPorts, model: ModelShape, state: TrainingState): Promise<Digest> {
  return await ports.artifacts.put(encodeTrainingState(model, state));
}
