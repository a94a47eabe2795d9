// One eager context of libtensorflow with a set number of threads, and the device it computes on.
import { checkStatus, type NativeLibrary, openLibrary, present, textAt } from "./native_library.ts";
import { cString } from "./native_pin.ts";

export interface NativeContext {
  library: NativeLibrary;
  context: Deno.PointerObject;
  status: Deno.PointerObject;
  /** The first GPU, else the CPU. */
  device: { name: Uint8Array<ArrayBuffer>; isGpu: boolean };
  /** Names of the compiled programs, which run on that device whatever they take. */
  programs: Set<string>;
  close(): void;
}

/**
 * Opens a context that uses `threads` threads inside an operation and one between operations. The first context of a
 * process decides: libtensorflow keeps one thread pool for all.
 */
export function openContext(directory: string, threads: number): NativeContext {
  const library = openLibrary(directory);
  const status = present(library.TF_NewStatus());
  const options = library.TFE_NewContextOptions();
  const config = sessionConfig(threads);
  library.TFE_ContextOptionsSetConfig(options, config, BigInt(config.length), status);
  checkStatus(library, status);
  const context = library.TFE_NewContext(options, status);
  library.TFE_DeleteContextOptions(options);
  checkStatus(library, status);
  const open = present(context);
  return {
    library,
    context: open,
    status,
    device: findDevice(library, open, status),
    programs: new Set(),
    close() {
      library.TFE_DeleteContext(open);
      library.TF_DeleteStatus(status);
    },
  };
}

/** A serialized ConfigProto: field 2 is intra_op_parallelism_threads, field 5 inter_op_parallelism_threads (varints). */
function sessionConfig(threads: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([2 << 3, ...varint(threads), 5 << 3, 1]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...varint(value >>> 7)];
}

function findDevice(library: NativeLibrary, context: Deno.PointerObject, status: Deno.PointerObject) {
  const list = library.TFE_ContextListDevices(context, status);
  checkStatus(library, status);
  const devices = Array.from({ length: library.TF_DeviceListCount(list) }, (_, index) => ({
    name: cString(textAt(library.TF_DeviceListName(list, index, status))),
    isGpu: textAt(library.TF_DeviceListType(list, index, status)) === "GPU",
  }));
  library.TF_DeleteDeviceList(list);
  const device = devices.find(({ isGpu }) => isGpu) ?? devices.at(0);
  if (device === undefined) throw new Error("libtensorflow reports no device");
  return device;
}
