// Tensors in libtensorflow's memory: made from typed arrays, read back, and computed with, one operation at a time.
// Left out: text and 64-bit numbers, which no kernel of ours uses.
import type { TFEOpAttr } from "@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js";
import { type AttributeSetters, setAttribute } from "./native_attributes.ts";
import type { NativeContext } from "./native_context.ts";
import { checkStatus, present } from "./native_library.ts";
import { cString } from "./native_pin.ts";
import { dataTypes } from "./native_types.ts";

/** A tensor as the kernels know it; `dtype` is a number of `dataTypes`. */
export interface TensorDescription {
  id: number;
  shape: number[];
  dtype: number;
}

/** One operation to run: its attributes, the tensors it takes and how many it gives. */
export interface NativeOperation {
  name: string;
  attributes: readonly TFEOpAttr[];
  inputs: readonly number[];
  numOutputs: number;
}

/** The tensors of one context under the numbers that the kernels know them by, and the operations on them. */
export class NativeTensors {
  readonly #native: NativeContext;
  readonly #setters: AttributeSetters;
  readonly #handles = new Map<number, Deno.PointerObject>();
  readonly #names = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #outputCount = new Int32Array(1);
  #outputs = new BigUint64Array(16);
  #nextId = 0;

  #isOpen = true;

  constructor(native: NativeContext) {
    this.#native = native;
    this.#setters = eagerSetters(native);
  }

  /** The number that the next tensor will have. */
  get nextId(): number {
    return this.#nextId;
  }

  /** A number for a tensor that is kept elsewhere. */
  takeId(): number {
    return this.#nextId++;
  }

  count(): number {
    return this.#handles.size;
  }

  /** Frees every tensor and the context. */
  close(): void {
    if (!this.#isOpen) return;
    for (const id of [...this.#handles.keys()]) this.delete(id);
    this.#isOpen = false;
    this.#native.close();
  }

  delete(id: number): void {
    this.#native.library.TFE_DeleteTensorHandle(this.#handle(id));
    this.#handles.delete(id);
  }

  /** A tensor of copied values. */
  create(shape: readonly number[], dtype: number, values: unknown): number {
    if (!ArrayBuffer.isView(values)) {
      throw new TypeError(`Give a typed array, got ${typeof values}: text is not supported`);
    }
    this.#checkOpen();
    const { library, status } = this.#native;
    const dimensions = BigInt64Array.from(shape, BigInt);
    const tensor = present(
      library.TF_AllocateTensor(dtype, dimensions, shape.length, BigInt(values.byteLength)),
    );
    if (values.byteLength > 0) {
      const target = Deno.UnsafePointerView.getArrayBuffer(
        present(library.TF_TensorData(tensor)),
        values.byteLength,
      );
      new Uint8Array(target).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    const handle = library.TFE_NewTensorHandle(tensor, status);
    library.TF_DeleteTensor(tensor);
    checkStatus(library, status);
    return this.#add(this.#toDevice(present(handle), dtype));
  }

  /** What `use` makes of a tensor in host memory. The tensor and its bytes are gone afterwards. */
  withTensor<Result>(
    id: number,
    use: (
      tensor: Deno.PointerObject,
      content: Omit<TensorDescription, "id"> & { bytes: Uint8Array },
    ) => Result,
  ): Result {
    const { library, status } = this.#native;
    const handle = this.#handle(id);
    const resolved = library.TFE_TensorHandleResolve(handle, status);
    checkStatus(library, status);
    const tensor = present(resolved);
    try {
      const size = Number(library.TF_TensorByteSize(tensor));
      const memory = size === 0
        ? new ArrayBuffer(0)
        : Deno.UnsafePointerView.getArrayBuffer(present(library.TF_TensorData(tensor)), size);
      const dtype = library.TFE_TensorHandleDataType(handle);
      return use(tensor, { shape: this.#shapeOf(handle), dtype, bytes: new Uint8Array(memory) });
    } finally {
      library.TF_DeleteTensor(tensor);
    }
  }

  /** The values of a tensor, copied. */
  read(id: number): Float32Array | Int32Array | Uint8Array {
    const { dtype, bytes } = this.withTensor(id, (_, content) => ({
      dtype: content.dtype,
      bytes: content.bytes.slice().buffer,
    }));
    switch (dtype) {
      case dataTypes.TF_FLOAT:
      case dataTypes.TF_COMPLEX64:
        return new Float32Array(bytes);
      case dataTypes.TF_INT32:
        return new Int32Array(bytes);
      case dataTypes.TF_BOOL:
      case dataTypes.TF_UINT8:
        return new Uint8Array(bytes);
      default:
        throw new TypeError(`Tensor ${id} has a type that cannot be read`);
    }
  }

  /** Runs one operation and takes in its results. */
  execute(operation: NativeOperation): TensorDescription[] {
    const { library, status } = this.#native, pointer = this.#prepare(operation);
    const { numOutputs } = operation;
    try {
      if (numOutputs > this.#outputs.length) this.#outputs = new BigUint64Array(numOutputs);
      this.#outputCount[0] = numOutputs;
      library.TFE_Execute(pointer, this.#outputs, this.#outputCount, status);
      checkStatus(library, status);
    } finally {
      library.TFE_DeleteOp(pointer);
    }
    return this.#takeIn(this.#outputs, this.#outputCount);
  }

  /** Begins one operation on a thread of its own; its inputs may be deleted meanwhile. The context must stay open until it ends. */
  async executeLater(operation: NativeOperation): Promise<TensorDescription[]> {
    const { library } = this.#native, pointer = this.#prepare(operation);
    const status = library.TF_NewStatus(), outputs = new BigUint64Array(Math.max(1, operation.numOutputs));
    const count = Int32Array.of(operation.numOutputs);
    try {
      await library.executeLater(pointer, outputs, count, status);
      checkStatus(library, status);
    } finally {
      library.TFE_DeleteOp(pointer);
      library.TF_DeleteStatus(status);
    }
    return this.#takeIn(outputs, count);
  }

  /** An operation with all that it takes. */
  #prepare({ name, attributes, inputs }: NativeOperation): Deno.PointerValue {
    this.#checkOpen();
    const { library, context, status, device, programs } = this.#native;
    const operation = library.TFE_NewOp(context, this.#cString(name), status);
    try {
      checkStatus(library, status);
      // Single operations find their device by their inputs; a program is told. Not run on a GPU.
      if (device.isGpu && programs.has(name)) {
        library.TFE_OpSetDevice(operation, device.name, status);
        checkStatus(library, status);
      }
      for (const attribute of attributes) {
        setAttribute(this.#setters, operation, { key: this.#cString(attribute.name), attribute });
      }
      for (const id of inputs) {
        library.TFE_OpAddInput(operation, this.#handle(id), status);
        checkStatus(library, status);
      }
      return operation;
    } catch (error) {
      library.TFE_DeleteOp(operation);
      throw error;
    }
  }

  #takeIn(outputs: BigUint64Array, [count]: Int32Array): TensorDescription[] {
    return Array.from(
      { length: count },
      (_, index) => this.#describe(present(Deno.UnsafePointer.create(outputs[index]))),
    );
  }

  /** Whole numbers stay in host memory, where the kernels want them. */
  #toDevice(handle: Deno.PointerObject, dtype: number): Deno.PointerObject {
    const { library, context, status, device } = this.#native;
    if (!device.isGpu || dtype === dataTypes.TF_INT32) return handle;
    const name = Deno.UnsafePointer.of(device.name);
    const copy = library.TFE_TensorHandleCopyToDevice(handle, context, name, status);
    library.TFE_DeleteTensorHandle(handle);
    checkStatus(library, status);
    return present(copy);
  }

  /** The memory of a closed context must not be touched. */
  #checkOpen(): void {
    if (!this.#isOpen) throw new Error("Open the native tier again: its context was disposed");
  }

  #add(handle: Deno.PointerObject): number {
    const id = this.#nextId++;
    this.#handles.set(id, handle);
    return id;
  }

  #handle(id: number): Deno.PointerObject {
    const handle = this.#handles.get(id);
    if (handle === undefined) throw new Error(`Tensor ${id} was disposed or belongs to another context`);
    return handle;
  }

  #describe(handle: Deno.PointerObject): TensorDescription {
    const dtype = this.#native.library.TFE_TensorHandleDataType(handle);
    return { id: this.#add(handle), shape: this.#shapeOf(handle), dtype };
  }

  #shapeOf(handle: Deno.PointerObject): number[] {
    const { library, status } = this.#native;
    const shape = new Array<number>(library.TFE_TensorHandleNumDims(handle, status));
    for (let axis = 0; axis < shape.length; axis++) {
      shape[axis] = Number(library.TFE_TensorHandleDim(handle, axis, status));
    }
    return shape;
  }

  /** Names are few and repeat, so their bytes are kept. */
  #cString(text: string): Uint8Array<ArrayBuffer> {
    let bytes = this.#names.get(text);
    if (bytes === undefined) {
      bytes = cString(text);
      this.#names.set(text, bytes);
    }
    return bytes;
  }
}

function eagerSetters({ library, status }: NativeContext): AttributeSetters {
  return {
    text: (operation, key, text) => library.TFE_OpSetAttrString(operation, key, text, BigInt(text.length)),
    int: library.TFE_OpSetAttrInt,
    ints: (operation, key, values) => library.TFE_OpSetAttrIntList(operation, key, values, values.length),
    float: library.TFE_OpSetAttrFloat,
    floats: (operation, key, values) => library.TFE_OpSetAttrFloatList(operation, key, values, values.length),
    flag: library.TFE_OpSetAttrBool,
    flags: (operation, key, values) => library.TFE_OpSetAttrBoolList(operation, key, values, values.length),
    type: library.TFE_OpSetAttrType,
    types() {
      throw new Error("Lists of types are for compiled functions");
    },
    shape(operation, key, sizes) {
      library.TFE_OpSetAttrShape(operation, key, sizes, sizes.length, status);
      checkStatus(library, status);
    },
    functionName() {
      throw new Error("Operations that call functions are for compiled functions");
    },
  };
}
