// What functions of the native tier may use beside operations while they are traced: a loop, and writing into a tensor.
import * as tf from "@tensorflow/tfjs-core";
import { createTensorsTypeOpAttr } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { ShapeError } from "../base/errors.ts";
import { specOf, specText } from "./compile.ts";
import type { NativeFunction } from "./native_functions.ts";
import { functionAttribute, specTypes } from "./native_graph.ts";
import { traceFunction, type Tracing } from "./native_trace.ts";
import { attributeKinds } from "./native_types.ts";
import type { TensorSpec, TracedOperations } from "./tier.ts";

export function tracedOperations(tracing: Tracing): TracedOperations {
  const { backend, tracer, isCompiled } = tracing;
  return {
    loop(condition, body, initial) {
      if (!tracer.isTracing) throw new Error("Call loop() inside a compiled function");
      const args = initial.map(specOf);
      const part = { args, state: [], isProgram: false };
      const test = traceFunction(tracing, {
        ...part,
        name: "condition",
        fn: (...state) => [condition(...state)],
      });
      const step = traceFunction(tracing, { ...part, name: "body", fn: body });
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
      const begin = tf.stack([...start]), type = createTensorsTypeOpAttr("T", target.dtype);
      if (isCompiled) {
        // In place, where the other operation is not.
        return backend.executeSingleOutput("XlaDynamicUpdateSlice", [
          type,
          createTensorsTypeOpAttr("Tindices", "int32"),
        ], [target, values, begin]);
      }
      const end = tf.add(begin, tf.tensor1d(values.shape, "int32"));
      return backend.executeSingleOutput("TensorStridedSliceUpdate", [
        type,
        createTensorsTypeOpAttr("Index", "int32"),
      ], [target, begin, end, tf.onesLike(begin), values]);
    },
  };
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
