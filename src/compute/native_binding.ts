// What tfjs-node-gpu's compiled addon offers its kernels, made of FFI calls to libtensorflow: nothing to build or install.
// Left out: string tensors and saved models. GPUs are addressed but were never run.
import type { TFEOpAttr, TFJSBinding } from "@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js";
import { openContext } from "./native_context.ts";
import { textAt } from "./native_library.ts";
import { NativeMemory } from "./native_memory.ts";
import { NativeTensors } from "./native_tensors.ts";
import { NativeTracer } from "./native_tracer.ts";
import { attributeKinds, dataTypes } from "./native_types.ts";

class TensorMetadata {
  id = -1;
  shape: number[] = [];
  dtype = 0;
}

class OpAttribute {
  name = "";
  type = 0;
  value: TFEOpAttr["value"] = 0;
}

export interface NativeBinding extends TFJSBinding {
  /** Takes the operations while it traces. */
  tracer: NativeTracer;
  memory: NativeMemory;
  /** Frees every tensor and the context. */
  close(): void;
}

/** Opens libtensorflow in `directory` with `threads` threads. */
export function createNativeBinding(directory: string, threads: number): NativeBinding {
  const native = openContext(directory, threads);
  const tensors = new NativeTensors(native);
  const tracer = new NativeTracer(native, tensors);
  const memory = new NativeMemory();
  let isOpen = true;
  return {
    tracer,
    memory,
    ...dataTypes,
    ...attributeKinds,
    TensorMetadata,
    TFEOpAttr: OpAttribute,
    TF_Version: textAt(native.library.TF_Version()),
    isUsingGpuDevice: () => native.device.isGpu,
    getNumOfTensors: () => tensors.count(),
    getNumOfSavedModels: () => 0,
    createTensor: (shape, dtype, values) => tensors.create(shape, dtype, values),
    deleteTensor(id) {
      if (!tracer.forget(id)) tensors.delete(id);
    },
    tensorDataSync(id) {
      tracer.checkReadable(id);
      return tensors.read(id);
    },
    executeOp: (name, attributes, inputs, numOutputs) =>
      (tracer.isTracing ? tracer : tensors).execute({ name, attributes, inputs, numOutputs }),
    loadSavedModel: refuseSavedModels,
    runSavedModel: refuseSavedModels,
    deleteSavedModel: refuseSavedModels,
    close() {
      if (!isOpen) return;
      isOpen = false;
      tracer.close();
      tensors.close();
      memory.close();
    },
  };
}

function refuseSavedModels(): never {
  throw new Error("Saved models are not supported by this binding");
}
