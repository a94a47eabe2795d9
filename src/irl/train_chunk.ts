// Training steps a to b from a saved state to the next saved state: the loop that SFT, reward learning and policy
// optimisation share. State is three flat vectors; the loss is a pure function of parameters and batch tensors.
import * as tf from "@tensorflow/tfjs-core";
import { NonFiniteError } from "../base/errors.ts";
import type { Digest } from "../base/ports.ts";
import type { TensorSpec } from "../compute/tier.ts";
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

/** One open training: parameters and moments on the backend. Close it, whatever happens. */
export interface Trainer {
  /** Current parameters, [parameters]; owned by the trainer. */
  parameters(): tf.Tensor;
  /** One update on a batch; returns the loss before it. Throws NonFiniteError and leaves the state as it was. */
  update(step: number, batch: tf.Tensor[]): Promise<number>;
  state(step: number): Promise<TrainingState>;
  close(): void;
}

export function openTrainer(ports: StepPorts, start: TrainingState, options: TrainerOptions): Trainer {
  const { model, optimiser } = options, size = numParameters(model);
  let vectors: tf.Tensor[] = [start.parameters, start.firstMoment, start.secondMoment].map((vector) =>
    tf.tensor1d(vector)
  );
  const compiled = new Map<string, (...args: tf.Tensor[]) => tf.Tensor[]>();
  const run = (batch: tf.Tensor[]) => {
    const specs: TensorSpec[] = [
      ...[1, 2, 3].map((): TensorSpec => ({ shape: [size], dtype: "float32" })),
      ...[1, 2, 3].map((): TensorSpec => ({ shape: [], dtype: "float32" })),
      ...batch.map((tensor): TensorSpec => ({
        shape: tensor.shape,
        dtype: tensor.dtype === "int32" ? "int32" : "float32",
      })),
    ];
    const shapes = batch.map((tensor) => tensor.shape.join("x")).join();
    const known = compiled.get(shapes);
    if (known !== undefined) return known;
    const fresh = ports.tier.compile(options.name, trainingStep(options.loss, optimiser), specs);
    compiled.set(shapes, fresh);
    return fresh;
  };
  return {
    parameters: () => vectors[0],
    async update(step, batch) {
      const rate = options.learningRate * learningRateFactor(step, options);
      const scalars = [rate, 1 - optimiser.beta1 ** (step + 1), 1 - optimiser.beta2 ** (step + 1)]
        .map((value) => tf.scalar(value));
      const [parameters, first, second, loss] = run(batch)(...vectors, ...scalars, ...batch);
      tf.dispose(scalars);
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
  return (...args: tf.Tensor[]): tf.Tensor[] => {
    const [parameters, firstMoment, secondMoment, learningRate, correction1, correction2, ...batch] = args;
    const { value, grad } = tf.valueAndGrad((flat: tf.Tensor) => loss(flat, ...batch))(parameters);
    const next = adamWStep({ parameters, firstMoment, secondMoment }, grad, {
      learningRate,
      correction1,
      correction2,
    }, optimiser);
    return [next.parameters, next.firstMoment, next.secondMoment, value];
  };
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

export async function saveState(ports: StepPorts, model: ModelShape, state: TrainingState): Promise<Digest> {
  return await ports.artifacts.put(encodeTrainingState(model, state));
}
