// The functions that a context of libtensorflow knows, each under the name of what it computes and freed with its last user.
import type { NativeContext } from "./native_context.ts";
import { checkStatus } from "./native_library.ts";
import { cString } from "./native_pin.ts";

export interface NativeFunction {
  /** The operation that calls it. */
  name: string;
  results: { shape: number[]; dtype: number }[];
  release(): void;
}

interface Definition {
  make(name: string): Deno.PointerObject;
  /** Called as a whole; the others are parts of such functions. */
  isProgram: boolean;
  /** By XLA into one program; else its operations run one after the other, but without us between them. */
  isCompiled: boolean;
  results: NativeFunction["results"];
  /** Functions that this one calls, freed with it. */
  inner: readonly NativeFunction[];
}

/** AttrValue { b: true }. */
const trueValue = Uint8Array.of(5 << 3, 1);

export class NativeFunctions {
  readonly #native: NativeContext;
  readonly #known = new Map<
    string,
    { pointer: Deno.PointerObject; users: number; inner: readonly NativeFunction[] }
  >();

  constructor(native: NativeContext) {
    this.#native = native;
  }

  close(): void {
    for (const name of [...this.#known.keys()]) this.#remove(name);
  }

  define(name: string, { make, isProgram, isCompiled, results, inner }: Definition): NativeFunction {
    const known = this.#known.get(name);
    if (known === undefined) {
      this.#known.set(name, { pointer: this.#add(make(name), isProgram && isCompiled), users: 1, inner });
      if (isProgram) this.#native.programs.add(name);
    } else {
      known.users++;
      for (const part of inner) part.release();
    }
    let isReleased = false;
    return {
      name,
      results,
      release: () => {
        const entry = this.#known.get(name);
        if (isReleased || entry === undefined) return;
        isReleased = true;
        if (--entry.users > 0) return;
        this.#remove(name);
        for (const part of entry.inner) part.release();
      },
    };
  }

  #add(pointer: Deno.PointerObject, isCompiled: boolean): Deno.PointerObject {
    const { library, context, status } = this.#native;
    try {
      if (isCompiled) {
        const key = cString("_XlaMustCompile");
        library.TF_FunctionSetAttrValueProto(pointer, key, trueValue, BigInt(trueValue.length), status);
        checkStatus(library, status);
      }
      library.TFE_ContextAddFunction(context, pointer, status);
      checkStatus(library, status);
      return pointer;
    } catch (error) {
      library.TF_DeleteFunction(pointer);
      throw error;
    }
  }

  #remove(name: string): void {
    const { library, context, status } = this.#native, entry = this.#known.get(name);
    if (entry === undefined) return;
    this.#known.delete(name);
    this.#native.programs.delete(name);
    library.TFE_ContextRemoveFunction(context, cString(name), status);
    library.TF_DeleteFunction(entry.pointer);
    checkStatus(library, status);
  }
}
