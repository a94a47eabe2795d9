// compile() and loop() of the native tier: a function is traced at its first call and is one XLA program from then on.
// Equal traces share a program, so that a function made anew for each chunk of a run is compiled once.
import * as tf from "@tensorflow/tfjs-core";
import {
  createTensorsTypeOpAttr,
  type NodeJSKernelBackend,
} from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { ShapeError } from "../base/errors.ts";
import { checkArguments, checkState, foreignState, specOf, specText } from "./compile.ts";
import type { NativeBinding } from "./native_binding.ts";
import type { NativeFunction } from "./native_functions.ts";
import { functionAttribute, specTypes } from "./native_graph.ts";
import type { NativeTracer } from "./native_tracer.ts";
import { assignVariable, NativeState, tracedVariable } from "./native_state.ts";
import { attributeKinds } from "./native_types.ts";
import type {
  StateFunctionSpecs,
  TensorFunction,
  TensorSpec,
  TierCompiler,
  TracedOperations,
} from "./tier.ts";

/** Programs kept; the one that was not called for the longest time goes. libtensorflow keeps some of its memory, so stay below. */
const MOST_PROGRAMS = 96;

export function compileNatively(
  backend: NodeJSKernelBackend,
  { tracer, memory }: Pick<NativeBinding, "tracer" | "memory">,
): Required<TierCompiler> {
  const programs = new KeptPrograms();
  const open = (name: string, fn: TensorFunction, specs: StateFunctionSpecs) => {
    let known: string | undefined;
    return (args: tf.Tensor[]) => {
      const program = known === undefined ? undefined : programs.find(known);
      if (program !== undefined) return call(backend, program, { name, args });
      const traced = programs.keep(trace(backend, tracer, { name, fn, ...specs, isProgram: true }));
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
    traced: tracedOperations(backend, tracer),
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

function tracedOperations(backend: NodeJSKernelBackend, tracer: NativeTracer): TracedOperations {
  return {
    loop(condition, body, initial) {
      if (!tracer.isTracing) throw new Error("Call loop() inside a compiled function");
      const args = initial.map(specOf);
      const part = { args, state: [], isProgram: false };
      const test = trace(backend, tracer, {
        ...part,
        name: "condition",
        fn: (...state) => [condition(...state)],
      });
      const step = trace(backend, tracer, { ...part, name: "body", fn: body });
      checkLoop(args, step);
      return backend.executeMultipleOutputs(
        "StatelessWhile",
        [
          {
            name: "T",
            type: attributeKinds.TF_ATTR_TYPE,
            value: args.map(({ dtype }) => specTypes[dtype]),
          },
          functionAttribute("cond", test.name),
          functionAttribute("body", step.name),
        ],
        [...initial],
        initial.length,
      );
    },
    writeSlice(target, values, start) {
      if (!tracer.isTracing) throw new Error("Call writeSlice() inside a compiled function");
      return backend.executeSingleOutput("XlaDynamicUpdateSlice", [
        createTensorsTypeOpAttr("T", target.dtype),
        createTensorsTypeOpAttr("Tindices", "int32"),
      ], [target, values, tf.stack([...start])]);
    },
  };
}

interface TraceOptions extends StateFunctionSpecs {
  name: string;
  fn: TensorFunction;
  isProgram: boolean;
}

/** The function of libtensorflow that takes the arguments and then the state's variables. */
function trace(
  backend: NodeJSKernelBackend,
  tracer: NativeTracer,
  { name, fn, args, state, isProgram }: TraceOptions,
): NativeFunction {
  return tracer.trace(name.replace(/[^A-Za-z0-9]+/g, "_"), {
    isProgram,
    build: () =>
      tf.tidy(() => {
        const given = args.map((spec) => placeholder(backend, spec));
        const variables = state.map((spec) => tracedVariable(backend, spec));
        const all = fn(...variables.map(({ value }) => value), ...given);
        const next = all.slice(0, state.length), results = all.slice(state.length);
        checkState(name, state, next.map(specOf));
        const changes = variables
          .map((variable, i) => ({ ...variable, next: next[i] }))
          .filter(({ value, next }) => value.dataId !== next.dataId);
        if (results.length + changes.length === 0) throw new Error(`Return a tensor from "${name}"`);
        for (const { variable, next } of changes) assignVariable(backend, variable, next);
        if (results.length > 0) gather(backend, results);
      }),
  });
}

function placeholder(backend: NodeJSKernelBackend, { shape, dtype }: TensorSpec): tf.Tensor {
  return backend.executeSingleOutput("Placeholder", [
    createTensorsTypeOpAttr("dtype", dtype),
    { name: "shape", type: attributeKinds.TF_ATTR_SHAPE, value: [...shape] },
  ], []);
}

/** Makes the results those of one last operation. */
function gather(backend: NodeJSKernelBackend, results: tf.Tensor[]): void {
  const types = results.map((result) => specTypes[specOf(result).dtype]);
  backend.executeMultipleOutputs(
    "IdentityN",
    [
      { name: "T", type: attributeKinds.TF_ATTR_TYPE, value: types },
    ],
    results,
    results.length,
  );
}

/** Lets XLA compile a program for these arguments without running it. */
function compileAhead(
  backend: NodeJSKernelBackend,
  { name }: NativeFunction,
  { args, numVariables }: { args: tf.Tensor[]; numVariables: number },
) {
  const types = args.slice(0, args.length - numVariables).map((arg) => specTypes[specOf(arg).dtype]);
  const list = (key: string, value: number[]) => ({ name: key, type: attributeKinds.TF_ATTR_TYPE, value });
  const made = backend.executeMultipleOutputs(
    "_XlaCompile",
    [
      list("Tconstants", []),
      list("Targs", types),
      { name: "Nresources", type: attributeKinds.TF_ATTR_INT, value: numVariables },
      { name: "must_compile", type: attributeKinds.TF_ATTR_BOOL, value: true },
      { name: "_XlaHasReferenceVars", type: attributeKinds.TF_ATTR_BOOL, value: false },
      functionAttribute("function", name),
    ],
    args,
    2,
  );
  tf.dispose(made);
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

/** A loop's body must give tensors like those it takes. */
function checkLoop(specs: readonly TensorSpec[], { results }: NativeFunction): void {
  const wanted = specs.map(specText),
    got = results.map(({ shape, dtype }) => {
      const name = Object.entries(specTypes).find(([, number]) => number === dtype)?.[0] ?? `type ${dtype}`;
      return `${name} [${shape.join(", ")}]`;
    });
  if (wanted.join() === got.join()) return;
  const index = wanted.findIndex((text, i) => text !== got[i]);
  throw new ShapeError(
    index < 0
      ? `loop: the body must give ${wanted.length} tensors, got ${got.length}`
      : `loop: the body must give ${wanted[index]} as state ${index}, got ${got[index] ?? "nothing"}`,
  );
}
