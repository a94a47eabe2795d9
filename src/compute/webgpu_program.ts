// Programs of our own for tfjs's WebGPU backend: one thread a number of the result, over flat memory.
import { webgpu_util, type WebGPUBackend, type WebGPUProgram } from "@tensorflow/tfjs-backend-webgpu";
import type * as tf from "@tensorflow/tfjs-core";

export interface FlatProgram {
  /** Programs of the same name have the same code. */
  name: string;
  /** Names of the inputs in the code, which sees each as one array. */
  inputs: Readonly<Record<string, tf.TensorInfo>>;
  /** Whole numbers that the code reads as `uniforms.<name>`. */
  numbers: Readonly<Record<string, number>>;
  output: { shape: number[]; dtype: tf.DataType };
  /** WGSL that computes the number `value`, of type `Number`, of the result's place `index`. */
  code: string;
}

const THREADS = 64;

/** Runs `program` and returns its result, which belongs to the caller. */
export function runFlatProgram(
  backend: WebGPUBackend,
  { name, inputs, numbers, output, code }: FlatProgram,
): tf.TensorInfo {
  const layout = webgpu_util.flatDispatchLayout(output.shape);
  const program: WebGPUProgram = {
    shaderKey: `own_${name}`,
    outputShape: output.shape,
    variableNames: Object.keys(inputs),
    uniforms: Object.keys(numbers).map((number) => `${number} : i32,`).join(" "),
    size: true,
    workgroupSize: [THREADS, 1, 1],
    dispatchLayout: layout,
    dispatch: webgpu_util.computeDispatch(layout, output.shape, [THREADS, 1, 1]),
    getUserCode: () => `
      alias Number = ${output.dtype === "float32" ? "f32" : "i32"};
      fn main(index : i32) {
        if (index < uniforms.size) {
          ${code}
          result[index] = value;
        }
      }`,
  };
  const uniforms = Object.values(numbers).map((number) => ({ type: "int32", data: [number] }));
  return backend.runWebGPUProgram(program, Object.values(inputs), output.dtype, uniforms);
}
