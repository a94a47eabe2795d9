// Makes tfjs's WebGPU backend fail aloud. By itself it skips an operation whose buffer is too large or that the driver refuses,
// hands out whatever the memory held before, and tells nobody but an event.
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import type * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../base/errors.ts";

export interface BackendGuard {
  /** Throws what went wrong on the device, if anything did. Nothing computed since then can be trusted. */
  check(): void;
  /** Resolves with that error; never, while the device is well. */
  readonly failed: Promise<Error>;
  /** Lets the device go without counting that as a failure. */
  release(): void;
}

/** Watches `backend` and its device: after a failure every operation and every read of it throws. */
export function guardBackend(backend: WebGPUBackend): BackendGuard {
  const { device } = backend, failing = Promise.withResolvers<Error>();
  let failure: Error | undefined, isReleased = false;
  const fail = (error: Error) => {
    if (failure !== undefined || isReleased) return;
    failure = error;
    failing.resolve(error);
  };
  const onError = (event: Event) => {
    const { error } = event as GPUUncapturedErrorEvent; // the type of this event, which its listener's type leaves open
    fail(new Error(`Open the tier "webgpu" again: its device refused an operation (${error.message})`));
  };
  device.addEventListener("uncapturederror", onError);
  void device.lost.then(({ message, reason }) =>
    fail(
      new Error(
        `Open the tier "webgpu" again: its device was lost (${message || reason || "no reason given"})`,
      ),
    )
  );
  const check = () => {
    if (failure !== undefined) throw failure;
  };
  refuseLargeBuffers(backend);
  refuseAfterFailure(backend, check);
  return {
    check,
    failed: failing.promise,
    release() {
      isReleased = true;
      device.removeEventListener("uncapturederror", onError);
    },
  };
}

/** Every operation runs and every value is read on a device that is well, or throws. */
function refuseAfterFailure(backend: WebGPUBackend, check: () => void): void {
  const run = backend.runWebGPUProgram.bind(backend), read = backend.read.bind(backend);
  backend.runWebGPUProgram = (program, inputs, outputDtype, uniforms, output) => {
    check();
    if (output === undefined) checkTensor(backend, program.outputShape, outputDtype);
    return run(program, inputs, outputDtype, uniforms, output);
  };
  backend.read = async (dataId) => {
    check();
    try {
      return await read(dataId);
    } finally {
      // The device tells of an error a moment after the call that caused it; by then the values are here.
      await nextTask();
      check();
    }
  };
  backend.readSync = (dataId) => {
    const values = backend.tensorMap.get(dataId)?.values;
    if (values !== null && values !== undefined) return values;
    throw new Error('Read tensors with data(): the tier "webgpu" cannot wait for the GPU inside a call');
  };
}

/** Bytes of one tensor at most. */
export function largestBuffer({ limits }: Pick<GPUDevice, "limits">): number {
  return Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
}

/** What the device cannot bind to an operation is refused before it is allocated. */
function refuseLargeBuffers({ device, bufferManager }: WebGPUBackend): void {
  const acquire = bufferManager.acquireBuffer.bind(bufferManager);
  bufferManager.acquireBuffer = (size, usage, mappedAtCreation, reuse) => {
    const isStorage = (usage & GPUBufferUsage.STORAGE) !== 0;
    const limit = isStorage ? largestBuffer(device) : device.limits.maxBufferSize;
    if (size > limit) throw tooLarge(`a buffer of ${size} bytes`, { limit });
    // Tensors without elements are bound too, and a binding has at least one number.
    return acquire(Math.max(size, BYTES_PER_NUMBER), usage, mappedAtCreation, reuse);
  };
}

function checkTensor(
  { device }: WebGPUBackend,
  shape: readonly number[],
  dtype: tf.DataType,
): void {
  const bytes = BYTES_PER_NUMBER * shape.reduce((product, length) => product * length, 1);
  const limit = largestBuffer(device);
  if (bytes <= limit) return;
  throw tooLarge(`a tensor ${dtype} [${shape.join(", ")}] of ${bytes} bytes`, { limit });
}

/** Of every type that is computed with here: booleans are whole numbers on the device. */
const BYTES_PER_NUMBER = 4;

function tooLarge(what: string, { limit }: { limit: number }): ConfigError {
  return new ConfigError(
    `Take fewer rows or shorter sequences at a time, or another --backend: this step needs ${what}, ` +
      `and this GPU binds at most ${limit}`,
  );
}

function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
