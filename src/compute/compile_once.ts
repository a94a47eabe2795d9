// Compiled functions for whatever shapes they are called with, each as long as its tier.
import type * as tf from "@tensorflow/tfjs-core";
import { digestOf } from "../base/canonical.ts";
import { specOf } from "./compile.ts";
import type { CompiledFunction, StateFunction, TensorFunction, TierCompiler } from "./tier.ts";

/** What names a function among those of a tier. */
export interface FunctionIdentity {
  name: string;
  /** All that the function depends on beside its arguments, as plain data. */
  settings: unknown;
}

type Compiler = Pick<TierCompiler, "compile">;
type StateCompiler = Pick<TierCompiler, "compileWithState">;

const functions = new WeakMap<Compiler, Map<string, CompiledFunction>>();
const stateFunctions = new WeakMap<StateCompiler, Map<string, StateFunction>>();

/**
 * `fn` compiled for each set of argument shapes that it is called with, and kept with the tier: for equal names and settings the
 * function of the first call is used again, so that a step that is called a thousand times traces and compiles once.
 */
export function compileOnce(
  tier: Compiler,
  fn: TensorFunction,
  identity: FunctionIdentity,
): CompiledFunction {
  const known = tableOf(functions, tier), key = keyOf(identity);
  const compiledFor = (args: readonly tf.Tensor[]) => {
    const specs = args.map(specOf);
    return kept(known, key(specs), () => tier.compile(identity.name, fn, specs));
  };
  return Object.assign((...args: tf.Tensor[]) => compiledFor(args)(...args), {
    // deno-lint-ignore require-await -- what is wrong with the arguments is a rejection too
    later: async (...args: tf.Tensor[]) => compiledFor(args).later(...args),
  });
}

/** The same for a function of a state: see `compileWithState`. */
export function compileStateOnce(
  tier: StateCompiler,
  fn: TensorFunction,
  identity: FunctionIdentity,
): StateFunction {
  const known = tableOf(stateFunctions, tier), key = keyOf(identity);
  return (state, ...given) => {
    const specs = { state: state.specs, args: given.map(specOf) };
    const run = kept(known, key(specs), () => tier.compileWithState(identity.name, fn, specs));
    return run(state, ...given);
  };
}

/** Names a function and the shapes that it is called with. */
function keyOf({ name, settings }: FunctionIdentity): (specs: unknown) => string {
  const digest = digestOf([name, settings]);
  return (specs) => digest + JSON.stringify(specs);
}

function tableOf<Key extends object, Value>(
  tables: WeakMap<Key, Map<string, Value>>,
  key: Key,
): Map<string, Value> {
  const table = tables.get(key) ?? new Map<string, Value>();
  tables.set(key, table);
  return table;
}

function kept<Value>(table: Map<string, Value>, key: string, make: () => Value): Value {
  const value = table.get(key) ?? make();
  table.set(key, value);
  return value;
}
