// One libtensorflow graph while a function is traced into it: operations go in, a function comes out. Its digest depends on
// what was added alone, so equal traces are known as equal, in this process and in the next.
import { createHash, type Hash } from "node:crypto";
import type { TFEOpAttr } from "@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js";
import { type AttributeSetters, setAttribute } from "./native_attributes.ts";
import type { NativeContext } from "./native_context.ts";
import { checkStatus, type NativeLibrary, present } from "./native_library.ts";
import { cString } from "./native_pin.ts";
import { attributeKinds, dataTypes } from "./native_types.ts";

/** One result of an operation in a graph: a tensor whose shape is known and whose numbers are not. */
export interface GraphValue {
  graph: NativeGraph;
  operation: Deno.PointerObject;
  /** Number of the operation in its graph, and of the result in its operation. */
  node: number;
  index: number;
  shape: number[];
  dtype: number;
}

/** One operation to add. */
export interface GraphOperation {
  name: string;
  attributes: readonly TFEOpAttr[];
  inputs: readonly GraphValue[];
  shape?: readonly number[];
  after?: GraphValue;
}

/** Operations that take a list first; the rest of their inputs, if any, come one by one. */
const takesList = new Set(["ConcatV2", "Pack", "AddN", "Einsum", "IdentityN", "StatelessWhile"]);

export class NativeGraph {
  readonly #native: NativeContext;
  readonly #pointer: Deno.PointerObject;
  readonly #setters: AttributeSetters;
  readonly #hash: Hash = createHash("sha256");
  readonly #arguments: GraphValue[] = [];
  /** Operations without a result, which are there for what they do: assignments. */
  readonly #effects: Deno.PointerObject[] = [];
  #numNodes = 0;

  constructor(native: NativeContext) {
    this.#native = native;
    this.#pointer = present(native.library.TF_NewGraph());
    this.#setters = graphSetters(native.library);
  }

  close(): void {
    this.#native.library.TF_DeleteGraph(this.#pointer);
  }

  /**
   * Adds one operation; a "Placeholder" becomes the function's next argument. `shape` is that of its result where the graph cannot
   * know it; it runs later than the operation that gave `after`.
   */
  add({ name, attributes, inputs, shape, after }: GraphOperation): GraphValue[] {
    const { library } = this.#native;
    this.#record(
      name,
      ...attributes.map((attribute) => `${attribute.name}:${attribute.type}=${attribute.value}`),
      ...inputs.map(({ node, index }) => `${node}:${index}`),
      ...(shape === undefined ? [] : [`shape [${shape}]`]),
      ...(after === undefined ? [] : [`after ${after.node}`]),
    );
    const operation = this.#start(name);
    const count = attributes.find((attribute) => attribute.name === "N")?.value ?? inputs.length;
    const numListed = takesList.has(name) ? Number(count) : 0;
    if (numListed > 0) library.TF_AddInputList(operation, packed(inputs.slice(0, numListed)), numListed);
    for (const input of inputs.slice(numListed)) library.TF_AddInput(operation, packed([input]));
    for (const attribute of attributes) {
      setAttribute(this.#setters, operation, { key: cString(attribute.name), attribute });
    }
    if (after !== undefined) library.TF_AddControlInput(operation, after.operation);
    const values = this.#finish(operation, shape);
    if (name === "Placeholder") this.#arguments.push(...values);
    return values;
  }

  /** A tensor's numbers as part of the graph. */
  constant(tensor: Deno.PointerObject, { shape, dtype, bytes }: {
    shape: readonly number[];
    dtype: number;
    bytes: Uint8Array;
  }): GraphValue {
    const { library, status } = this.#native;
    this.#record("Const", `${dtype}`, `[${shape}]`);
    this.#hash.update(bytes);
    const operation = this.#start("Const");
    library.TF_SetAttrTensor(operation, cString("value"), tensor, status);
    library.TF_SetAttrType(operation, cString("dtype"), dtype);
    return this.#finish(operation)[0];
  }

  /** Names the graph with these outputs by what it computes. The graph takes nothing more afterwards. */
  digest(outputs: readonly GraphValue[]): string {
    this.#record("outputs", ...outputs.map(({ node, index }) => `${node}:${index}`));
    return this.#hash.digest("hex");
  }

  /** The function of the graph's arguments that gives `outputs`. */
  toFunction(name: string, outputs: readonly GraphValue[]): Deno.PointerObject {
    const { library, status } = this.#native, inputs = this.#arguments;
    const effects = this.#effects;
    const made = library.TF_GraphToFunctionWithControlOutputs(
      this.#pointer,
      cString(name),
      0,
      -1,
      null,
      inputs.length,
      packed(inputs),
      outputs.length,
      packed(outputs),
      null,
      effects.length,
      BigUint64Array.from(effects, (operation) => Deno.UnsafePointer.value(operation)),
      null,
      null,
      null,
      status,
    );
    checkStatus(library, status);
    return present(made);
  }

  #record(...words: string[]): void {
    this.#hash.update(`${JSON.stringify(words)}\n`);
  }

  #start(type: string): Deno.PointerObject {
    const { library } = this.#native;
    return present(library.TF_NewOperation(this.#pointer, cString(type), cString(`n${this.#numNodes}`)));
  }

  #finish(description: Deno.PointerObject, shape?: readonly number[]): GraphValue[] {
    const { library, status } = this.#native;
    const finished = library.TF_FinishOperation(description, status);
    checkStatus(library, status);
    const operation = present(finished), node = this.#numNodes++;
    const numOutputs = library.TF_OperationNumOutputs(operation);
    if (numOutputs === 0) this.#effects.push(operation);
    return Array.from({ length: numOutputs }, (_, index) => {
      const output = packed([{ operation, index }]);
      if (shape !== undefined) {
        const sizes = BigInt64Array.from(shape, BigInt);
        library.TF_GraphSetTensorShape(this.#pointer, output, sizes, shape.length, status);
        checkStatus(library, status);
      }
      return {
        graph: this,
        operation,
        node,
        index,
        shape: this.#shapeOf(output),
        dtype: library.TF_OperationOutputType(output),
      };
    });
  }

  #shapeOf(output: Uint8Array<ArrayBuffer>): number[] {
    const { library, status } = this.#native;
    const rank = library.TF_GraphGetTensorNumDims(this.#pointer, output, status);
    checkStatus(library, status);
    const sizes = new BigInt64Array(Math.max(0, rank));
    if (rank > 0) {
      library.TF_GraphGetTensorShape(this.#pointer, output, sizes, rank, status);
      checkStatus(library, status);
    }
    const shape = Array.from(sizes, Number);
    if (rank < 0 || shape.some((size) => size < 0)) {
      throw new Error("the shape of its result depends on values");
    }
    return shape;
  }
}

/** TF_Output records: a pointer and a number in 16 bytes each. */
function packed(values: readonly Pick<GraphValue, "operation" | "index">[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16 * Math.max(1, values.length)), view = new DataView(bytes.buffer);
  values.forEach(({ operation, index }, i) => {
    view.setBigUint64(16 * i, Deno.UnsafePointer.value(operation), true);
    view.setInt32(16 * i + 8, index, true);
  });
  return bytes;
}

/** The attributes of a tensor type, a shape, a text and a function, as kernels write them. */
export const typeAttribute = (name: string, dtype: number) => ({
  name,
  type: attributeKinds.TF_ATTR_TYPE,
  value: dtype,
});
export const shapeAttribute = (name: string, shape: readonly number[]) => ({
  name,
  type: attributeKinds.TF_ATTR_SHAPE,
  value: [...shape],
});
export const textAttribute = (name: string, value: string) => ({
  name,
  type: attributeKinds.TF_ATTR_STRING,
  value,
});
export const functionAttribute = (name: string, functionName: string) => ({
  name,
  type: attributeKinds.TF_ATTR_FUNCTION,
  value: functionName,
});

/** Numbers of the data types that compiled functions take and give. */
export const specTypes = {
  float32: dataTypes.TF_FLOAT,
  int32: dataTypes.TF_INT32,
  bool: dataTypes.TF_BOOL,
} as const;

function graphSetters(library: NativeLibrary): AttributeSetters {
  return {
    text: (operation, key, text) => library.TF_SetAttrString(operation, key, text, BigInt(text.length)),
    int: library.TF_SetAttrInt,
    ints: (operation, key, values) => library.TF_SetAttrIntList(operation, key, values, values.length),
    float: library.TF_SetAttrFloat,
    floats: (operation, key, values) => library.TF_SetAttrFloatList(operation, key, values, values.length),
    flag: library.TF_SetAttrBool,
    flags: (operation, key, values) => library.TF_SetAttrBoolList(operation, key, values, values.length),
    type: library.TF_SetAttrType,
    types: (operation, key, values) => library.TF_SetAttrTypeList(operation, key, values, values.length),
    shape: (operation, key, sizes) => library.TF_SetAttrShape(operation, key, sizes, sizes.length),
    functionName: (operation, key, name) =>
      library.TF_SetAttrFuncName(operation, key, name, BigInt(name.length)),
  };
}
