// Compiled functions for whatever shapes they are called with, and ones that live as long as their tier.
import { digestOf } from "../base/canonical.ts";
import type { TensorFunction, TensorSpec, Tier } from "./tier.ts";

type Compiler = Pick<Tier, "compile">;

/** `fn` compiled for each set of argument shapes that it is called with. */
export function compileByShape(tier: Compiler, name: string, fn: TensorFunction): TensorFunction {
  const known = new Map<string, TensorFunction>();
  return (...args) => {
    const specs = args.map(({ shape, dtype }): TensorSpec => ({
      shape,
      dtype: dtype === "int32" || dtype === "bool" ? dtype : "float32",
    }));
    const key = JSON.stringify(specs), run = known.get(key) ?? tier.compile(name, fn, specs);
    known.set(key, run);
    return run(...args);
  };
}

const families = new WeakMap<Compiler, Map<string, TensorFunction>>();

/**
 * The same, kept with the tier. `settings` are all that `fn` depends on beside its arguments, as plain data: for equal
 * names and settings the function of the first call is used again, so that a step that is called a thousand times traces
 * and compiles once.
 */
export function compileOnce(
  tier: Compiler,
  fn: TensorFunction,
  { name, settings }: { name: string; settings: unknown },
): TensorFunction {
  const known = families.get(tier) ?? new Map<string, TensorFunction>();
  families.set(tier, known);
  const key = digestOf([name, settings]), run = known.get(key) ?? compileByShape(tier, name, fn);
  known.set(key, run);
  return run;
}
