// compile() of the tiers that run operation by operation: argument checks and freeing around a pure function; state is plain
// tensors. Tracing into one call is native_compile.ts, behind the same interface.
import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../base/errors.ts";
import type {
  CompiledFunction,
  StateFunction,
  StateFunctionSpecs,
  TensorFunction,
  TensorSpec,
  TensorState,
  TierCompiler,
} from "./tier.ts";

export const eagerCompiler: TierCompiler = {
  compile: compileEagerly,
  compileWithState,
  openState: (initial) => new HeldTensors(initial),
  lanes: 1,
};

/** `fn` with checked arguments; `name` is how errors call it. */
export function compileEagerly(
  name: string,
  fn: TensorFunction,
  specs: readonly TensorSpec[],
): CompiledFunction {
  const run = (...args: tf.Tensor[]) => {
    checkArguments(name, specs, args);
    return tf.tidy(() => withoutAliases(fn(...args), args));
  };
  // deno-lint-ignore require-await -- nothing runs beside it
  return Object.assign(run, { later: async (...args: tf.Tensor[]) => run(...args) });
}

function compileWithState(
  name: string,
  fn: TensorFunction,
  { state, args }: StateFunctionSpecs,
): StateFunction {
  return (held, ...given) => {
    if (!(held instanceof HeldTensors)) throw foreignState(name);
    checkState(name, state, held.specs);
    checkArguments(name, args, given);
    const old = held.tensors;
    const all = tf.tidy(() => {
      const results = fn(...old, ...given);
      checkState(name, state, results.slice(0, old.length).map(specOf));
      return withoutAliases(results, [...old, ...given]);
    });
    held.tensors = all.slice(0, old.length);
    tf.dispose(old);
    return all.slice(old.length);
  };
}

class HeldTensors implements TensorState {
  tensors: tf.Tensor[];
  readonly specs: readonly TensorSpec[];

  constructor(initial: readonly tf.Tensor[]) {
    this.specs = initial.map(specOf);
    this.tensors = initial.map((tensor) => tf.keep(tensor));
  }

  read(index: number): tf.Tensor {
    return tf.clone(this.tensors[index]);
  }

  dispose(): void {
    tf.dispose(this.tensors);
  }
}

/** A state that another tier opened. */
export function foreignState(name: string): Error {
  return new Error(`Give "${name}" a state of its own tier`);
}

/** Throws ShapeError unless the state, taken or given, is what `specs` say. */
export function checkState(name: string, specs: readonly TensorSpec[], got: readonly TensorSpec[]): void {
  const wrong = specs.findIndex((spec, i) => i >= got.length || specText(spec) !== specText(got[i]));
  const index = wrong < 0 && got.length > specs.length ? specs.length : wrong;
  if (index < 0) return;
  const text = (spec: TensorSpec | undefined) => spec === undefined ? "nothing" : specText(spec);
  throw new ShapeError(`${name}: state ${index} must be ${text(specs[index])}, got ${text(got[index])}`);
}

/** What a tensor is; throws ShapeError where no compiled function takes such ones. */
export function specOf({ shape, dtype }: tf.Tensor): TensorSpec {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return { shape, dtype };
  throw new ShapeError(`Use float32, int32 or bool in compiled functions, got ${dtype}`);
}

/** Throws ShapeError unless the arguments are what `specs` say. */
export function checkArguments(name: string, specs: readonly TensorSpec[], args: readonly tf.Tensor[]): void {
  if (args.length !== specs.length) {
    throw new ShapeError(`${name}: takes ${specs.length} tensors, got ${args.length}`);
  }
  specs.forEach((spec, index) => {
    const { shape, dtype } = args[index];
    const fits = dtype === spec.dtype && shape.length === spec.shape.length &&
      spec.shape.every((size, axis) => size === shape[axis]);
    if (!fits) {
      throw new ShapeError(
        `${name}: argument ${index} must be ${specText(spec)}, got ${dtype} [${shape.join(", ")}]`,
      );
    }
  });
}

/** As errors write it: `float32 [2, 3]`. */
export function specText({ shape, dtype }: TensorSpec): string {
  return `${dtype} [${shape.join(", ")}]`;
}

/** A result that is an argument or an earlier result becomes a tensor of its own, so that each can be disposed alone. */
function withoutAliases(results: readonly tf.Tensor[], args: readonly tf.Tensor[]): tf.Tensor[] {
  const taken = new Set(args);
  return results.map((result) => {
    const own = taken.has(result) ? tf.clone(result) : result;
    taken.add(own);
    return own;
  });
}
