// Training steps a to b from a saved state to the next saved state: the loop that SFT, reward learning and policy
// optimisation share. State is three flat vectors; the loss is a pure function of parameters and batch tensors.
import * as tf from "@tensorflow/tfjs-core";
import { NonFiniteError, ShapeError } from "../base/errors.ts";
import type { Digest } from "../base/ports.ts";
import type { RandomKey } from "../base/random.ts";
import { compileByShape } from "../compute/compile_once.ts";
import { type AdamWOptions, adamWStep } from "../math/adamw.ts";
import { learningRateFactor } from "../math/learning_rate.ts";
import { decodeTrainingState, encodeTrainingState, type TrainingState } from "../model/checkpoint.ts";
import { type ModelShape, numParameters } from "../model/model_shape.ts";
import type { StepPorts } from "./step_ports.ts";

/** A scalar loss of the flat parameters [parameters] and the step's batch tensors. */
export type LossFunction = (parameters: tf.Tensor, ...batch: tf.Tensor[]) => tf.Scalar;

export interface TrainerOptions {
  name: string;
  model: ModelShape;
  optimiser: AdamWOptions;
  learningRate: number;
  warmupSteps: number;
  /** Share of the peak rate that the decay ends at. */
  floor: number;
  numSteps: number;
  loss: LossFunction;
}

/** Part of a batch: activations of one part are in memory at a time. */
export interface BatchPart {
  /** What the loss takes after the parameters. */
  tensors: tf.Tensor[];
  /** Share of this part's loss in the whole batch's; all weights sum to 1. */
  weight: number;
}

/** One open training: parameters and moments on the backend. Close it, whatever happens. */
export interface Trainer {
  /** Current parameters, [parameters]; owned by the trainer. */
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
  const { model, optimiser } = options, size = numParameters(model);
  for (const { length } of [start.parameters, start.firstMoment, start.secondMoment]) {
    if (length !== size) throw new ShapeError(`${options.name}: wants ${size} parameters, got ${length}`);
  }
  let vectors: tf.Tensor[] = [start.parameters, start.firstMoment, start.secondMoment].map((vector) =>
    tf.tensor1d(vector)
  );
  const whole = compileByShape(ports.tier, options.name, trainingStep(options.loss, optimiser));
  const partial = compileByShape(ports.tier, `${options.name}: gradient`, lossGradient(options.loss));
  const apply = compileByShape(ports.tier, `${options.name}: update`, gradientStep(optimiser));
  const next = (scalars: tf.Tensor[], parts: readonly BatchPart[]): tf.Tensor[] => {
    if (parts.length === 1) return whole(...vectors, ...scalars, ...parts[0].tensors);
    let sums: tf.Tensor[] = [];
    for (const { tensors, weight } of parts) {
      const scaled = weighted(partial(vectors[0], ...tensors), weight);
      sums = sums.length === 0 ? scaled : added(sums, scaled);
    }
    const [gradient, loss] = sums;
    try {
      return [...apply(...vectors, ...scalars, gradient), loss];
    } finally {
      gradient.dispose();
    }
  };
  return {
    parameters: () => vectors[0],
    async update(step, parts) {
      const rate = options.learningRate * learningRateFactor(step, options);
      const scalars = [rate, 1 - optimiser.beta1 ** (step + 1), 1 - optimiser.beta2 ** (step + 1)]
        .map((value) => tf.scalar(value));
      let results: tf.Tensor[];
      try {
        results = next(scalars, parts);
      } finally {
        tf.dispose(scalars);
      }
      const [parameters, first, second, loss] = results;
      const [value] = await loss.data();
      loss.dispose();
      if (!Number.isFinite(value)) {
        tf.dispose([parameters, first, second]);
        throw new NonFiniteError(`${options.name}: the loss of training step ${step + 1} is ${value}`);
      }
      tf.dispose(vectors);
      vectors = [parameters, first, second];
      return value;
    },
    async state(step) {
      const [parameters, firstMoment, secondMoment] = await Promise.all(vectors.map(readVector));
      if (!parameters.every(Number.isFinite)) {
        throw new NonFiniteError(`${options.name}: a parameter is not finite after training step ${step}`);
      }
      return { parameters, firstMoment, secondMoment, step };
    },
    close: () => tf.dispose(vectors),
  };
}

/** Loss, gradient and AdamW update as one pure function: what a tracing tier compiles into one program. */
function trainingStep(loss: LossFunction, optimiser: AdamWOptions) {
  const gradientOf = lossGradient(loss), step = gradientStep(optimiser);
  return (...args: tf.Tensor[]): tf.Tensor[] => {
    const [gradient, value] = gradientOf(args[0], ...args.slice(6));
    return [...step(...args.slice(0, 6), gradient), value];
  };
}

/** (parameters, …batch) → [gradient, loss] */
function lossGradient(loss: LossFunction) {
  return (parameters: tf.Tensor, ...batch: tf.Tensor[]): tf.Tensor[] => {
    const { value, grad } = tf.valueAndGrad((flat: tf.Tensor) => loss(flat, ...batch))(parameters);
    return [grad, value];
  };
}

/** (parameters, moments, learning rate, corrections, gradient) → [parameters, moments] */
function gradientStep(optimiser: AdamWOptions) {
  return (...args: tf.Tensor[]): tf.Tensor[] => {
    const [parameters, firstMoment, secondMoment, learningRate, correction1, correction2, gradient] = args;
    const scalars = { learningRate, correction1, correction2 };
    const next = adamWStep({ parameters, firstMoment, secondMoment }, gradient, scalars, optimiser);
    return [next.parameters, next.firstMoment, next.secondMoment];
  };
}

/** Every tensor times the weight; the given ones are disposed. */
function weighted(tensors: tf.Tensor[], weight: number): tf.Tensor[] {
  const scaled = tensors.map((tensor) => tf.mul(tensor, weight));
  tf.dispose(tensors);
  return scaled;
}

/** Sums pair by pair; the given ones are disposed. */
function added(sums: tf.Tensor[], more: tf.Tensor[]): tf.Tensor[] {
  const next = sums.map((sum, i) => tf.add(sum, more[i]));
  tf.dispose([...sums, ...more]);
  return next;
}

export async function readVector(tensor: tf.Tensor): Promise<Float32Array> {
  return Float32Array.from(await tensor.data());
}

/** A saved state, or a fresh one around first parameters. */
export async function trainingState(
  ports: StepPorts,
  saved: Digest | null,
  { model, fresh }: { model: ModelShape; fresh: () => Promise<Float32Array> },
): Promise<TrainingState> {
  if (saved !== null) return decodeTrainingState(await ports.artifacts.get(saved), model, saved);
  const size = numParameters(model);
  return {
    parameters: await fresh(),
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
