// compile() of the native tier's variants "xla" and "graph": a function is traced at its first call and is one function of
// libtensorflow from then on. Equal traces share it, so that a function made anew for each chunk of a run is compiled once.
import type * as tf from "@tensorflow/tfjs-core";
import type { NodeJSKernelBackend } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { checkArguments, checkState, foreignState } from "./compile.ts";
import type { NativeFunction } from "./native_functions.ts";
import { tracedOperations } from "./native_loop.ts";
import type { NativeMemory } from "./native_memory.ts";
import { NativeState } from "./native_state.ts";
import { traceFunction, type Tracing } from "./native_trace.ts";
import type { StateFunctionSpecs, TensorFunction, TierCompiler } from "./tier.ts";

/** Programs kept; the one that was not called for the longest time goes. libtensorflow keeps some of its memory, so stay below. */
const MOST_PROGRAMS = 96;

export function compileNatively(tracing: Tracing, memory: NativeMemory): Required<TierCompiler> {
  const programs = new KeptPrograms(), { backend, tracer } = tracing;
  const open = (name: string, fn: TensorFunction, specs: StateFunctionSpecs) => {
    let known: string | undefined;
    return (args: tf.Tensor[]) => {
      const program = known === undefined ? undefined : programs.find(known);
      if (program !== undefined) return call(backend, program, { name, args });
      const traced = programs.keep(traceFunction(tracing, { name, fn, ...specs, isProgram: true }));
      known = traced.name;
      return memory.whileCompiling(() => call(backend, traced, { name, args }));
    };
  };
  return {
    compile(name, fn, specs) {
      const run = open(name, fn, { state: [], args: specs });
      return (...args) => {
        checkArguments(name, specs, args);
        // Inside another function it is a part of that one.
        return tracer.isTracing ? fn(...args) : run(args);
      };
    },
    compileWithState(name, fn, specs) {
      const run = open(name, fn, specs);
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
    return backend.executeMultipleOutputs(program.name, [], args, program.results.length);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const missing = /No registered '(\w+)' OpKernel for XLA/.exec(reason)?.[1];
    throw new Error(
      missing === undefined
        ? `${name}: ${reason}`
        : `Leave operation "${missing}" out of "${name}", which is compiled: XLA has no such operation`,
      { cause },
    );
  }
}
