// compile() of the tiers that run operation by operation: argument checks and freeing around a pure function.
// Tracing into one call is native_compile.ts, behind the same signature.
import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../base/errors.ts";
import type { TensorFunction, TensorSpec } from "./tier.ts";

/** `fn` with checked arguments; `name` is how errors call it. */
export function compileEagerly(
  name: string,
  fn: TensorFunction,
  specs: readonly TensorSpec[],
): TensorFunction {
  return (...args) => {
    checkArguments(name, specs, args);
    return tf.tidy(() => withoutAliases(fn(...args), args));
  };
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
