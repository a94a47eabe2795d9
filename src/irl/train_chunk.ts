// Training steps a to b from a saved state to the next saved state: the loop that SFT, reward learning and policy
// optimisation share. State is three flat vectors, which the step changes in place where it is compiled; the loss is a pure
// function of parameters and batch tensors.
import * as tf from "@tensorflow/tfjs-core";
import { NonFiniteError, ShapeError } from "../base/errors.ts";
import type { Digest } from "../base/ports.ts";
import type { RandomKey } from "../base/random.ts";
import { compileOnce, compileStateOnce } from "../compute/compile_once.ts";
import type { TensorState, Tier } from "../compute/tier.ts";
import { type AdamWOptions, adamWStep } from "../math/adamw.ts";
import { learningRateFactor } from "../math/learning_rate.ts";
import { decodeTrainingState, encodeTrainingState, type TrainingState } from "../model/checkpoint.ts";
import type { ModelShape } from "../model/model_shape.ts";
import type { Trainable } from "../model/trainable.ts";
import type { StepPorts } from "./step_ports.ts";
import type { TrainedModel } from "./trained_model.ts";
import type { TrainerSettings } from "./trainer_settings.ts";

/** A scalar loss of the network's parameters [parameters] and the step's batch tensors. */
export type LossFunction = (parameters: tf.Tensor, ...batch: tf.Tensor[]) => tf.Scalar;

export interface TrainerOptions extends TrainerSettings {
  name: string;
  trainable: Trainable;
  loss: LossFunction;
  /** All that the loss depends on beside its arguments, as plain data. */
  lossSettings: unknown;
}

/** Part of a batch: activations of one part are in memory at a time. */
export interface BatchPart {
  /** What the loss takes after the parameters. */
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
  readonly #steps: ReturnType<typeof compileSteps>;
  /** Trained vector, first and second moment. */
  readonly #vectors: TensorState;
  /** Gradient and loss of a batch that comes in parts, summed so far. */
  #sums: TensorState | undefined;
  /** What `parameters` gave away. */
  #shown: tf.Tensor | undefined;

  constructor({ tier }: StepPorts, start: TrainingState, options: TrainerOptions) {
    this.#tier = tier;
    this.#options = options;
    this.#steps = compileSteps(tier, options);
    this.#vectors = tier.openState(
      [start.parameters, start.firstMoment, start.secondMoment].map((vector) => tf.tensor1d(vector)),
    );
  }

  parameters(): tf.Tensor {
    return this.#shown ??= this.#network();
  }

  async update(step: number, parts: readonly BatchPart[]): Promise<number> {
    const { name, optimiser, learningRate } = this.#options;
    const loss = useScalars([
      learningRate * learningRateFactor(step, this.#options),
      1 - optimiser.beta1 ** (step + 1),
      1 - optimiser.beta2 ** (step + 1),
    ], (scalars) => parts.length === 1 ? this.#whole(scalars, parts[0]) : this.#inParts(scalars, parts));
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

  #whole(scalars: tf.Tensor[], { tensors }: BatchPart): tf.Tensor {
    this.#hide();
    return this.#steps.whole(this.#vectors, ...scalars, ...this.#options.trainable.constants, ...tensors)[0];
  }

  #inParts(scalars: tf.Tensor[], parts: readonly BatchPart[]): tf.Tensor {
    const { part, update } = this.#steps, { size, constants } = this.#options.trainable;
    this.#hide();
    const sums = this.#sums ??= this.#tier.openState([tf.zeros([size]), tf.scalar(0)]);
    const trained = this.#vectors.read(0);
    try {
      parts.forEach(({ tensors, weight }, index) =>
        useScalars(
          [Number(index > 0), weight],
          (carry) => part(sums, trained, ...carry, ...constants, ...tensors),
        )
      );
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

/**
 * The programs of a training, on two states: trained vector and moments; and the sums of gradient and loss over the parts of a
 * batch. What the network takes beside the trained vector stands before the batch.
 */
function compileSteps(tier: Tier, { name, loss, lossSettings, optimiser, trainable }: TrainerOptions) {
  const gradient = lossGradient(loss, trainable), step = gradientStep(optimiser);
  const settings = { lossSettings, trainable: trainable.settings };
  const whole = (...args: tf.Tensor[]): tf.Tensor[] => {
    const [slope, value] = gradient(args[0], ...args.slice(6));
    return [...step(...args.slice(0, 6), slope, value), value];
  };
  const part = (...args: tf.Tensor[]): tf.Tensor[] => {
    const [sum, lossSum, trained, carry, weight, ...batch] = args;
    const [slope, value] = gradient(trained, ...batch);
    return [
      tf.add(tf.mul(sum, carry), tf.mul(slope, weight)),
      tf.add(tf.mul(lossSum, carry), tf.mul(value, weight)),
    ];
  };
  return {
    /** (trained vector and moments; learning rate, corrections, …constants, …batch) → loss */
    whole: compileStateOnce(tier, whole, { name, settings: { optimiser, ...settings } }),
    /** (sums; trained vector, 0 for the first part and 1 for later ones, weight, …constants, …batch) */
    part: compileStateOnce(tier, part, { name: `${name}: part`, settings }),
    /** (trained vector and moments; learning rate, corrections, gradient, loss) */
    update: compileStateOnce(tier, step, { name: `${name}: update`, settings: optimiser }),
    /** (trained vector, …constants) → the network's parameters */
    network: compileOnce(tier, (...args) => [trainable.network(args[0], ...args.slice(1))], {
      name: `${name}: network`,
      settings: trainable.settings,
    }),
  };
}

/** (trained vector, …constants, …batch) → [gradient, loss] */
function lossGradient(loss: LossFunction, { network, constants: { length } }: Trainable) {
  return (trained: tf.Tensor, ...rest: tf.Tensor[]): tf.Tensor[] => {
    const constants = rest.slice(0, length), batch = rest.slice(length);
    const { value, grad } = tf.valueAndGrad((vector: tf.Tensor) =>
      loss(network(vector, ...constants), ...batch)
    )(trained);
    return [grad, value];
  };
}

/**
 * (parameters, moments, learning rate, corrections, gradient, loss) → [parameters, moments], the old ones where the loss is
 * not finite.
 */
function gradientStep(optimiser: AdamWOptions) {
  return (...args: tf.Tensor[]): tf.Tensor[] => {
    const [parameters, firstMoment, secondMoment, learningRate, correction1, correction2, gradient, loss] =
      args;
    const scalars = { learningRate, correction1, correction2 };
    const next = adamWStep({ parameters, firstMoment, secondMoment }, gradient, scalars, optimiser);
    const isFinite = tf.isFinite(loss);
    return [
      tf.where(isFinite, next.parameters, parameters),
      tf.where(isFinite, next.firstMoment, firstMoment),
      tf.where(isFinite, next.secondMoment, secondMoment),
    ];
  };
}

/** What `use` makes of numbers as scalar tensors, which are freed. */
function useScalars<Result>(values: readonly number[], use: (scalars: tf.Tensor[]) => Result): Result {
  const scalars = values.map((value) => tf.scalar(value));
  try {
    return use(scalars);
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
