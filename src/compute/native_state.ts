// State on the native tier: variables of libtensorflow, which compiled functions change in place.
import * as tf from "@tensorflow/tfjs-core";
import type { NodeJSKernelBackend } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import { specOf } from "./compile.ts";
import { shapeAttribute, specTypes, textAttribute, typeAttribute } from "./native_graph.ts";
import { attributeKinds, dataTypes } from "./native_types.ts";
import type { TensorSpec, TensorState } from "./tier.ts";

/** Names of variables must differ within a process. */
let numOpened = 0;

export class NativeState implements TensorState {
  readonly specs: readonly TensorSpec[];
  /** Handles of the variables, as tensors that only the operations on variables take. */
  readonly variables: readonly tf.Tensor[];
  readonly #backend: NodeJSKernelBackend;

  /** `initial` is taken over: its memory becomes the variables'. */
  constructor(backend: NodeJSKernelBackend, initial: readonly tf.Tensor[]) {
    const state = numOpened++;
    this.#backend = backend;
    this.specs = initial.map(specOf);
    this.variables = this.specs.map(({ shape, dtype }, index) => {
      const variable = backend.executeSingleOutput("VarHandleOp", [
        typeAttribute("dtype", specTypes[dtype]),
        shapeAttribute("shape", shape),
        textAttribute("shared_name", `state ${state}/${index}`),
        textAttribute("container", ""),
      ], []);
      assignVariable(backend, variable, initial[index]);
      initial[index].dispose();
      return tf.keep(variable);
    });
  }

  read(index: number): tf.Tensor {
    const type = typeAttribute("dtype", specTypes[this.specs[index].dtype]);
    return this.#backend.executeSingleOutput("ReadVariableOp", [type], [this.variables[index]]);
  }

  dispose(): void {
    const ignore = { name: "ignore_lookup_error", type: attributeKinds.TF_ATTR_BOOL, value: true };
    for (const variable of this.variables) {
      this.#backend.executeMultipleOutputs("DestroyResourceOp", [ignore], [variable], 0);
      variable.dispose();
    }
  }
}

/** The next argument of the function that is being traced, as a variable of this shape and type, and its value at the start. */
export function tracedVariable(
  backend: NodeJSKernelBackend,
  { shape, dtype }: TensorSpec,
): { variable: tf.Tensor; value: tf.Tensor } {
  const variable = backend.executeSingleOutput("Placeholder", [
    typeAttribute("dtype", dataTypes.TF_RESOURCE),
    shapeAttribute("shape", []),
  ], []);
  // The shape is for the tracer: a graph does not know what its variables hold.
  const attributes = [typeAttribute("dtype", specTypes[dtype]), shapeAttribute("shape", shape)];
  return { variable, value: backend.executeSingleOutput("ReadVariableOp", attributes, [variable]) };
}

export function assignVariable(backend: NodeJSKernelBackend, variable: tf.Tensor, value: tf.Tensor): void {
  const type = typeAttribute("dtype", specTypes[specOf(value).dtype]);
  backend.executeMultipleOutputs("AssignVariableOp", [type], [variable, value], 0);
}
