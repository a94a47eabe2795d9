// compile() of the native tier's variants "xla" and "graph": a function is traced at its first call and is one function of
// libtensorflow from then on. Equal traces share it, so that a function made anew for each chunk of a run is compiled once.
import type * as tf from "@tensorflow/tfjs-core";
import type { NodeJSKernelBackend } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { checkArguments, checkState, foreignState } from "./compile.ts";
import type { NativeBinding } from "./native_binding.ts";
import type { NativeFunction } from "./native_functions.ts";
import { tracedOperations } from "./native_loop.ts";
import { NativeState } from "./native_state.ts";
import { traceFunction, type Tracing } from "./native_trace.ts";
import type { StateFunctionSpecs, TensorFunction, TierCompiler } from "./tier.ts";

/** Programs kept; the one that was not called for the longest time goes. libtensorflow keeps some of its memory, so stay below. */
const MOST_PROGRAMS = 96;

export function compileNatively(
  tracing: Tracing,
  { memory, executeLater }: NativeBinding,
): Omit<Required<TierCompiler>, "lanes"> {
  const programs = new KeptPrograms(), { backend, tracer } = tracing;
  const open = (name: string, fn: TensorFunction, specs: StateFunctionSpecs) => {
    let known: string | undefined;
    const find = () => known === undefined ? undefined : programs.find(known);
    const compileAndRun = (args: tf.Tensor[]) => {
      const traced = programs.keep(traceFunction(tracing, { name, fn, ...specs, isProgram: true }));
      known = traced.name;
      return memory.whileCompiling(() => call(backend, traced, { name, args }));
    };
    return {
      run(args: tf.Tensor[]) {
        const program = find();
        return program === undefined ? compileAndRun(args) : call(backend, program, { name, args });
      },
      async runLater(args: tf.Tensor[]) {
        const program = find();
        if (program === undefined) return compileAndRun(args);
        try {
          return await executeLater(
            () => execute(backend, program, args),
            () => execute(backend, program, []),
          );
        } catch (cause) {
          throw explained(name, cause);
        }
      },
    };
  };
  return {
    compile(name, fn, specs) {
      const { run, runLater } = open(name, fn, { state: [], args: specs });
      const now = (...args: tf.Tensor[]) => {
        checkArguments(name, specs, args);
        // Inside another function it is a part of that one.
        return tracer.isTracing ? fn(...args) : run(args);
      };
      const later = async (...args: tf.Tensor[]) => {
        if (tracer.isTracing) return now(...args);
        checkArguments(name, specs, args);
        return await runLater(args);
      };
      return Object.assign(now, { later });
    },
    compileWithState(name, fn, specs) {
      const { run } = open(name, fn, specs);
      return (state, ...args) => {
        if (!(state instanceof NativeState)) throw foreignState(name);
        if (tracer.isTracing) {
          throw new Error(`Call "${name}" outside of compiled functions: it changes a state`);
        }
        checkState(name, specs.state, state.specs);
        checkArguments(name, specs.args, args);
        return run([...args, ...state.variables]);
      };
    },
    openState: (initial) => new NativeState(backend, initial),
    traced: tracedOperations(tracing),
  };
}

/** The programs of a tier under their names; the one that was not called for the longest time goes first. */
class KeptPrograms {
  readonly #programs = new Map<string, NativeFunction>();

  find(name: string): NativeFunction | undefined {
    const program = this.#programs.get(name);
    if (program === undefined) return undefined;
    this.#programs.delete(name);
    this.#programs.set(name, program);
    return program;
  }

  /** `traced`, or its equal that is there already. */
  keep(traced: NativeFunction): NativeFunction {
    const known = this.find(traced.name);
    if (known !== undefined) {
      traced.release();
      return known;
    }
    this.#programs.set(traced.name, traced);
    for (const [name, oldest] of this.#programs) {
      if (this.#programs.size <= MOST_PROGRAMS) break;
      this.#programs.delete(name);
      oldest.release();
    }
    return traced;
  }
}

function call(
  backend: NodeJSKernelBackend,
  program: NativeFunction,
  { name, args }: { name: string; args: tf.Tensor[] },
): tf.Tensor[] {
  try {
    return execute(backend, program, args);
  } catch (cause) {
    throw explained(name, cause);
  }
}

function execute(backend: NodeJSKernelBackend, program: NativeFunction, args: tf.Tensor[]): tf.Tensor[] {
  return backend.executeMultipleOutputs(program.name, [], args, program.results.length);
}

function explained(name: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const missing = /No registered '(\w+)' OpKernel for XLA/.exec(reason)?.[1];
  return new Error(
    missing === undefined
      ? `${name}: ${reason}`
      : `Leave operation "${missing}" out of "${name}", which is compiled: XLA has no such operation`,
    { cause },
  );
}
