// Attributes of operations, set through libtensorflow's eager or its graph interface: the calls are alike, the names are not.
import type { TFEOpAttr } from "@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js";
import { attributeKinds } from "./native_types.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Operation = Deno.PointerValue;

/** One call for each kind of attribute; `key` is a zero-ended name. */
export interface AttributeSetters {
  text(operation: Operation, key: Bytes, text: Bytes): void;
  int(operation: Operation, key: Bytes, value: bigint): void;
  ints(operation: Operation, key: Bytes, values: BigInt64Array<ArrayBuffer>): void;
  float(operation: Operation, key: Bytes, value: number): void;
  floats(operation: Operation, key: Bytes, values: Float32Array<ArrayBuffer>): void;
  flag(operation: Operation, key: Bytes, value: number): void;
  flags(operation: Operation, key: Bytes, values: Bytes): void;
  type(operation: Operation, key: Bytes, value: number): void;
  types(operation: Operation, key: Bytes, values: Int32Array<ArrayBuffer>): void;
  shape(operation: Operation, key: Bytes, sizes: BigInt64Array<ArrayBuffer>): void;
  functionName(operation: Operation, key: Bytes, name: Bytes): void;
}

export function setAttribute(
  setters: AttributeSetters,
  operation: Operation,
  { key, attribute }: { key: Bytes; attribute: TFEOpAttr },
): void {
  const { name, type, value } = attribute;
  const list = Array.isArray(value) ? value.map(Number) : undefined;
  const text = () => new TextEncoder().encode(String(value));
  switch (type) {
    case attributeKinds.TF_ATTR_STRING:
      return setters.text(operation, key, text());
    case attributeKinds.TF_ATTR_INT:
      return list === undefined
        // Seeds of random operations may carry a fraction, which BigInt refuses.
        ? setters.int(operation, key, BigInt(Math.trunc(Number(value))))
        : setters.ints(operation, key, BigInt64Array.from(list, BigInt));
    case attributeKinds.TF_ATTR_FLOAT:
      return list === undefined
        ? setters.float(operation, key, Number(value))
        : setters.floats(operation, key, Float32Array.from(list));
    case attributeKinds.TF_ATTR_BOOL:
      return list === undefined
        ? setters.flag(operation, key, value ? 1 : 0)
        : setters.flags(operation, key, Uint8Array.from(list));
    case attributeKinds.TF_ATTR_TYPE:
      return list === undefined
        ? setters.type(operation, key, Number(value))
        : setters.types(operation, key, Int32Array.from(list));
    case attributeKinds.TF_ATTR_SHAPE:
      return setters.shape(operation, key, BigInt64Array.from(list ?? [], BigInt));
    case attributeKinds.TF_ATTR_FUNCTION:
      return setters.functionName(operation, key, text());
    default:
      throw new Error(`Attribute "${name}" has the unknown kind ${type}`);
  }
}
