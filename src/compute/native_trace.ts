// What tracing makes of a function of tensors: a function of libtensorflow that takes the arguments and then the state's variables.
import * as tf from "@tensorflow/tfjs-core";
import {
  createTensorsTypeOpAttr,
  type NodeJSKernelBackend,
} from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { checkState, specOf } from "./compile.ts";
import type { NativeFunction } from "./native_functions.ts";
import { specTypes } from "./native_graph.ts";
import { assignVariable, tracedVariable } from "./native_state.ts";
import type { NativeTracer } from "./native_tracer.ts";
import { attributeKinds } from "./native_types.ts";
import type { StateFunctionSpecs, TensorFunction, TensorSpec } from "./tier.ts";

/** Where functions are traced, and for whom. */
export interface Tracing {
  backend: NodeJSKernelBackend;
  tracer: NativeTracer;
  /** XLA makes one program of each whole function; else libtensorflow runs its operations. */
  isCompiled: boolean;
}

export interface TraceOptions extends StateFunctionSpecs {
  name: string;
  fn: TensorFunction;
  isProgram: boolean;
}

/** Equal traces give the same function. The caller releases it. */
export function traceFunction(
  { backend, tracer, isCompiled }: Tracing,
  { name, fn, args, state, isProgram }: TraceOptions,
): NativeFunction {
  return tracer.trace(name.replace(/[^A-Za-z0-9]+/g, "_"), {
    isProgram,
    isCompiled,
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
