// What tfjs-node-gpu's compiled addon offers its kernels, made of FFI calls to libtensorflow: nothing to build or install.
// Left out: string tensors and saved models. GPUs are addressed but were never run.
import type { TFEOpAttr, TFJSBinding } from "@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js";
import { openContext } from "./native_context.ts";
import { textAt } from "./native_library.ts";
import { NativeMemory } from "./native_memory.ts";
import { type NativeOperation, NativeTensors, type TensorDescription } from "./native_tensors.ts";
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
  /** What `begin` executes, one operation, runs on a thread of its own; `end` executes it once more and is given the results. */
  executeLater<Result>(begin: () => void, end: () => Result): Promise<Result>;
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
  /** What is done with the next operation in place of executing it. */
  let instead: ((operation: NativeOperation) => TensorDescription[]) | undefined;
  const doInstead = <Result>(what: typeof instead, run: () => Result) => {
    instead = what;
    try {
      return run();
    } finally {
      instead = undefined;
    }
  };
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
    executeOp(name, attributes, inputs, numOutputs) {
      const operation = { name, attributes, inputs, numOutputs };
      return instead?.(operation) ?? (tracer.isTracing ? tracer : tensors).execute(operation);
    },
    async executeLater(begin, end) {
      let results: Promise<TensorDescription[]> | undefined;
      doInstead((operation) => {
        results = tensors.executeLater(operation);
        return [];
      }, begin);
      const given = await results ?? [];
      return doInstead(() => given, end);
    },
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
