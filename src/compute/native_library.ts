// libtensorflow's C interface over Deno FFI: the symbols of eager execution and of graphs, and its status made an error.
import { ConfigError } from "../base/errors.ts";
import { graphSymbols } from "./native_graph_symbols.ts";
import { pinLibraries } from "./native_pin.ts";

/** As the wheels of this operating system name them; macOS's were not run there. */
export const libraryFiles: readonly [core: string, framework: string] = Deno.build.os === "darwin"
  ? ["libtensorflow_cc.2.dylib", "libtensorflow_framework.2.dylib"]
  : ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"];

const coreSymbols = {
  TFE_NewContextOptions: { parameters: [], result: "pointer" },
  TFE_ContextOptionsSetConfig: { parameters: ["pointer", "buffer", "usize", "pointer"], result: "void" },
  TFE_DeleteContextOptions: { parameters: ["pointer"], result: "void" },
  TFE_NewContext: { parameters: ["pointer", "pointer"], result: "pointer" },
  TFE_DeleteContext: { parameters: ["pointer"], result: "void" },
  TFE_ContextListDevices: { parameters: ["pointer", "pointer"], result: "pointer" },
  TF_DeviceListCount: { parameters: ["pointer"], result: "i32" },
  TF_DeviceListType: { parameters: ["pointer", "i32", "pointer"], result: "pointer" },
  TF_DeviceListName: { parameters: ["pointer", "i32", "pointer"], result: "pointer" },
  TF_DeleteDeviceList: { parameters: ["pointer"], result: "void" },
  TFE_NewOp: { parameters: ["pointer", "buffer", "pointer"], result: "pointer" },
  TFE_DeleteOp: { parameters: ["pointer"], result: "void" },
  TFE_OpSetDevice: { parameters: ["pointer", "buffer", "pointer"], result: "void" },
  TFE_OpAddInput: { parameters: ["pointer", "pointer", "pointer"], result: "void" },
  TFE_Execute: { parameters: ["pointer", "buffer", "buffer", "pointer"], result: "void" },
  /** The same on a thread of its own. */
  executeLater: {
    name: "TFE_Execute",
    nonblocking: true,
    parameters: ["pointer", "buffer", "buffer", "pointer"],
    result: "void",
  },
  TFE_OpSetAttrString: { parameters: ["pointer", "buffer", "buffer", "usize"], result: "void" },
  TFE_OpSetAttrInt: { parameters: ["pointer", "buffer", "i64"], result: "void" },
  TFE_OpSetAttrFloat: { parameters: ["pointer", "buffer", "f32"], result: "void" },
  TFE_OpSetAttrBool: { parameters: ["pointer", "buffer", "u8"], result: "void" },
  TFE_OpSetAttrType: { parameters: ["pointer", "buffer", "i32"], result: "void" },
  TFE_OpSetAttrShape: { parameters: ["pointer", "buffer", "buffer", "i32", "pointer"], result: "void" },
  TFE_OpSetAttrIntList: { parameters: ["pointer", "buffer", "buffer", "i32"], result: "void" },
  TFE_OpSetAttrFloatList: { parameters: ["pointer", "buffer", "buffer", "i32"], result: "void" },
  TFE_OpSetAttrBoolList: { parameters: ["pointer", "buffer", "buffer", "i32"], result: "void" },
  TFE_NewTensorHandle: { parameters: ["pointer", "pointer"], result: "pointer" },
  TFE_DeleteTensorHandle: { parameters: ["pointer"], result: "void" },
  TFE_TensorHandleCopyToDevice: {
    parameters: ["pointer", "pointer", "pointer", "pointer"],
    result: "pointer",
  },
  TFE_TensorHandleDataType: { parameters: ["pointer"], result: "i32" },
  TFE_TensorHandleNumDims: { parameters: ["pointer", "pointer"], result: "i32" },
  TFE_TensorHandleDim: { parameters: ["pointer", "i32", "pointer"], result: "i64" },
  TFE_TensorHandleResolve: { parameters: ["pointer", "pointer"], result: "pointer" },
  TF_Version: { parameters: [], result: "pointer" },
} as const;

const frameworkSymbols = {
  TF_NewStatus: { parameters: [], result: "pointer" },
  TF_DeleteStatus: { parameters: ["pointer"], result: "void" },
  TF_GetCode: { parameters: ["pointer"], result: "i32" },
  TF_Message: { parameters: ["pointer"], result: "pointer" },
  TF_AllocateTensor: { parameters: ["i32", "buffer", "i32", "usize"], result: "pointer" },
  TF_TensorData: { parameters: ["pointer"], result: "pointer" },
  TF_TensorByteSize: { parameters: ["pointer"], result: "usize" },
  TF_DeleteTensor: { parameters: ["pointer"], result: "void" },
} as const;

export type NativeLibrary = ReturnType<typeof openLibrary>;

/** Loads the library from its folder, or says what to do. */
export function openLibrary(directory: string) {
  const [corePath, frameworkPath] = libraryFiles.map((file) => `${directory.replace(/\/$/, "")}/${file}`);
  try {
    // The framework first: the core needs it, and loaded it is found without a search path.
    pinLibraries([frameworkPath, corePath]);
    const framework = Deno.dlopen(frameworkPath, frameworkSymbols).symbols;
    const core = Deno.dlopen(corePath, { ...coreSymbols, ...graphSymbols }).symbols;
    return { ...framework, ...core };
  } catch (cause) {
    throw new ConfigError(
      `Put a working libtensorflow 2 into "${directory}": ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

/** A pointer that must not be null. */
export function present(pointer: Deno.PointerValue): Deno.PointerObject {
  if (pointer === null) throw new Error("libtensorflow returned a null pointer");
  return pointer;
}

/** The text that a C string pointer names. */
export function textAt(pointer: Deno.PointerValue): string {
  return Deno.UnsafePointerView.getCString(present(pointer));
}

/** Throws what the last call wrote into `status`, if it failed. */
export function checkStatus(library: NativeLibrary, status: Deno.PointerValue): void {
  if (library.TF_GetCode(status) !== 0) {
    throw new Error(`libtensorflow: ${textAt(library.TF_Message(status))}`);
  }
}
