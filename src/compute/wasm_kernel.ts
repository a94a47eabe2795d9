// What our kernels for tfjs-backend-wasm share: how one is declared, and replacing the registered ones.
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";

/** A kernel over the backend's heap; `original` is the one it replaces, for the cases it leaves alone. */
export interface WasmKernel {
  name: string;
  run: (call: WasmKernelCall, backend: BackendWasm) => tf.TensorInfo | tf.TensorInfo[];
}

export interface WasmKernelCall {
  /** An input by name; the kernel's own error if it is absent. */
  input: (name: string) => tf.TensorInfo;
  /** All inputs, for kernels that take a list. */
  inputs: () => tf.TensorInfo[];
  /** An attribute by name. */
  attribute: (name: string) => unknown;
  /** The kernel this one replaces, on the same or other inputs. */
  original: (inputs?: tf.NamedTensorInfoMap, attributes?: tf.NamedAttrMap) => tf.TensorInfo;
}

/** Registers kernels in place of those of the same name; returns what undoes it. */
export function replaceKernels(backend: BackendWasm, kernels: readonly WasmKernel[]): () => void {
  const undo = kernels.map((kernel) => replaceKernel(backend, kernel));
  return () => undo.forEach((step) => step());
}

function replaceKernel(backend: BackendWasm, { name, run }: WasmKernel): () => void {
  const replaced = tf.getKernel(name, "wasm");
  if (replaced !== undefined) tf.unregisterKernel(name, "wasm");
  tf.registerKernel({
    kernelName: name,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) =>
      run({
        input: (key) => present(inputs[key], `${name}: input "${key}"`),
        inputs: () => Object.keys(inputs).map((key) => present(inputs[key], `${name}: input "${key}"`)),
        attribute: (key) => attrs?.[key],
        original: (otherInputs = inputs, otherAttributes = attrs) =>
          single(
            present(replaced, `The kernel ${name}`).kernelFunc({
              inputs: otherInputs,
              attrs: otherAttributes,
              backend,
            }),
          ),
      }, backend),
  });
  return () => {
    tf.unregisterKernel(name, "wasm");
    if (replaced !== undefined) tf.registerKernel(replaced);
  };
}

/** The one result of a registered kernel of this backend. */
export function runKernel(
  name: string,
  call: { inputs: tf.NamedTensorInfoMap; backend: BackendWasm; attrs?: tf.NamedAttrMap },
): tf.TensorInfo {
  return single(present(tf.getKernel(name, "wasm"), `The kernel ${name}`).kernelFunc(call));
}

/** A whole number or a list of them, as kernels get axes and sizes. */
export function wholeNumbers(attribute: unknown): number | number[] {
  return Array.isArray(attribute) ? attribute.map(Number) : Number(attribute);
}

function single(result: tf.TensorInfo | tf.TensorInfo[]): tf.TensorInfo {
  return Array.isArray(result) ? result[0] : result;
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new TypeError(`${what} is missing`);
  return value;
}
