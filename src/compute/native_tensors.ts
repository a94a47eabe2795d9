// Tensors in libtensorflow's memory: made from typed arrays, read back, and computed with, one operation at a time.
// Left out: text and 64-bit numbers, which no kernel of ours uses.
import type { TFEOpAttr } from "@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js";
import type { NativeContext } from "./native_context.ts";
import { checkStatus, present } from "./native_library.ts";
import { cString } from "./native_pin.ts";
import { attributeKinds, dataTypes } from "./native_types.ts";

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
  readonly #handles = new Map<number, Deno.PointerObject>();
  readonly #names = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #outputCount = new Int32Array(1);
  #outputs = new BigUint64Array(16);
  #nextId = 0;

  #isOpen = true;

  constructor(native: NativeContext) {
    this.#native = native;
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

  /** The values of a tensor, copied. */
  read(id: number): Float32Array | Int32Array | Uint8Array {
    const { library, status } = this.#native;
    const handle = this.#handle(id);
    const tensor = library.TFE_TensorHandleResolve(handle, status);
    checkStatus(library, status);
    const size = Number(library.TF_TensorByteSize(tensor));
    const bytes = size === 0
      ? new ArrayBuffer(0)
      : Deno.UnsafePointerView.getArrayBuffer(present(library.TF_TensorData(tensor)), size).slice(0);
    library.TF_DeleteTensor(tensor);
    switch (library.TFE_TensorHandleDataType(handle)) {
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
  execute({ name, attributes, inputs, numOutputs }: NativeOperation): TensorDescription[] {
    this.#checkOpen();
    const { library, context, status } = this.#native;
    const operation = library.TFE_NewOp(context, this.#cString(name), status);
    try {
      checkStatus(library, status);
      for (const attribute of attributes) this.#setAttribute(operation, attribute);
      for (const id of inputs) {
        library.TFE_OpAddInput(operation, this.#handle(id), status);
        checkStatus(library, status);
      }
      if (numOutputs > this.#outputs.length) this.#outputs = new BigUint64Array(numOutputs);
      this.#outputCount[0] = numOutputs;
      library.TFE_Execute(operation, this.#outputs, this.#outputCount, status);
      checkStatus(library, status);
    } finally {
      library.TFE_DeleteOp(operation);
    }
    return Array.from(
      { length: this.#outputCount[0] },
      (_, index) => this.#describe(present(Deno.UnsafePointer.create(this.#outputs[index]))),
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
    const { library, status } = this.#native;
    const shape = new Array<number>(library.TFE_TensorHandleNumDims(handle, status));
    for (let axis = 0; axis < shape.length; axis++) {
      shape[axis] = Number(library.TFE_TensorHandleDim(handle, axis, status));
    }
    return { id: this.#add(handle), shape, dtype: library.TFE_TensorHandleDataType(handle) };
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

  #setAttribute(operation: Deno.PointerValue, { name, type, value }: TFEOpAttr): void {
    const { library, status } = this.#native;
    const key = this.#cString(name);
    const list = Array.isArray(value) ? value.map(Number) : undefined;
    switch (type) {
      case attributeKinds.TF_ATTR_STRING: {
        const text = new TextEncoder().encode(String(value));
        return library.TFE_OpSetAttrString(operation, key, text, BigInt(text.length));
      }
      case attributeKinds.TF_ATTR_INT:
        return list === undefined
          // Seeds of random operations may carry a fraction, which BigInt refuses.
          ? library.TFE_OpSetAttrInt(operation, key, BigInt(Math.trunc(Number(value))))
          : library.TFE_OpSetAttrIntList(operation, key, BigInt64Array.from(list, BigInt), list.length);
      case attributeKinds.TF_ATTR_FLOAT:
        return list === undefined
          ? library.TFE_OpSetAttrFloat(operation, key, Number(value))
          : library.TFE_OpSetAttrFloatList(operation, key, Float32Array.from(list), list.length);
      case attributeKinds.TF_ATTR_BOOL:
        return list === undefined
          ? library.TFE_OpSetAttrBool(operation, key, value ? 1 : 0)
          : library.TFE_OpSetAttrBoolList(operation, key, Uint8Array.from(list), list.length);
      case attributeKinds.TF_ATTR_TYPE:
        return library.TFE_OpSetAttrType(operation, key, Number(value));
      case attributeKinds.TF_ATTR_SHAPE: {
        const sizes = BigInt64Array.from(list ?? [], BigInt);
        library.TFE_OpSetAttrShape(operation, key, sizes, sizes.length, status);
        return checkStatus(library, status);
      }
      default:
        throw new Error(`Attribute "${name}" has the unknown kind ${type}`);
    }
  }
}
