// compile() and loop() of the native tier: a function is traced at its first call and is one XLA program from then on.
// Equal traces share a program, so that a function made anew for each chunk of a run is compiled once.
import * as tf from "@tensorflow/tfjs-core";
import {
  createTensorsTypeOpAttr,
  type NodeJSKernelBackend,
} from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { ShapeError } from "../base/errors.ts";
import { checkArguments, specText } from "./compile.ts";
import type { NativeFunction } from "./native_functions.ts";
import { functionAttribute, specTypes } from "./native_graph.ts";
import type { NativeTracer } from "./native_tracer.ts";
import { attributeKinds } from "./native_types.ts";
import type { TensorFunction, TensorSpec, Tier } from "./tier.ts";

/** Programs kept; the one that was not called for the longest time goes. libtensorflow keeps some of its memory, so stay below. */
const MOST_PROGRAMS = 96;

export function compileNatively(
  backend: NodeJSKernelBackend,
  tracer: NativeTracer,
): Required<Pick<Tier, "compile" | "traced">> {
  const programs = new Map<string, NativeFunction>();
  const use = (program: NativeFunction) => {
    programs.delete(program.name);
    programs.set(program.name, program);
    for (const [name, oldest] of programs) {
      if (programs.size <= MOST_PROGRAMS) break;
      programs.delete(name);
      oldest.release();
    }
    return program;
  };
  const trace = (name: string, fn: TensorFunction, { specs, isProgram }: TraceOptions) =>
    tracer.trace(name.replace(/[^A-Za-z0-9]+/g, "_"), {
      isProgram,
      build: () =>
        tf.tidy(() => {
          const results = fn(...specs.map((spec) => placeholder(backend, spec)));
          if (results.length === 0) throw new Error(`Return a tensor from "${name}"`);
          gather(backend, results);
        }),
    });
  return {
    compile(name, fn, specs) {
      let known: string | undefined;
      return (...args) => {
        checkArguments(name, specs, args);
        // Inside another function it is a part of that one.
        if (tracer.isTracing) return fn(...args);
        let program = known === undefined ? undefined : programs.get(known);
        if (program === undefined) {
          const traced = trace(name, fn, { specs, isProgram: true });
          program = programs.get(traced.name);
          if (program === undefined) program = traced;
          else traced.release();
          known = program.name;
        }
        return call(backend, use(program), { name, args });
      };
    },
    traced: {
      loop(condition, body, initial) {
        if (!tracer.isTracing) throw new Error("Call loop() inside a compiled function");
        const specs = initial.map(specOf);
        const test = trace("condition", (...state) => [condition(...state)], { specs, isProgram: false });
        const step = trace("body", body, { specs, isProgram: false });
        checkState(specs, step);
        return backend.executeMultipleOutputs(
          "StatelessWhile",
          [
            {
              name: "T",
              type: attributeKinds.TF_ATTR_TYPE,
              value: specs.map(({ dtype }) => specTypes[dtype]),
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
    },
  };
}

interface TraceOptions {
  specs: readonly TensorSpec[];
  isProgram: boolean;
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

function specOf({ shape, dtype }: tf.Tensor): TensorSpec {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return { shape, dtype };
  throw new ShapeError(`Use float32, int32 or bool in compiled functions, got ${dtype}`);
}

/** A loop's body must give tensors like those it takes. */
function checkState(specs: readonly TensorSpec[], { results }: NativeFunction): void {
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
