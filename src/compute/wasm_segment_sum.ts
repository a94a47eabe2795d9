// Sums by segment on the wasm tier, which the package lacks and the gradient of gather needs.
import * as tf from "@tensorflow/tfjs-core";
import type { WasmKernel } from "./wasm_kernel.ts";

/** out[s, …] = sum of the x[i, …] whose segment is s; negative segments count nowhere. Sums run in the order of i. */
export const segmentSumKernel: WasmKernel = {
  name: tf.UnsortedSegmentSum,
  run({ input, attribute }, backend) {
    const x = input("x"), segmentIds = input("segmentIds"), numSegments = Number(attribute("numSegments"));
    const idRank = segmentIds.shape.length, rowShape = x.shape.slice(idRank);
    if (!tf.util.arraysEqual(x.shape.slice(0, idRank), segmentIds.shape)) {
      throw new Error(
        `unsortedSegmentSum: x [${x.shape}] must start with the ids' shape [${segmentIds.shape}]`,
      );
    }
    const rowSize = tf.util.sizeFromShape(rowShape);
    const out = backend.makeOutput([numSegments, ...rowShape], x.dtype);
    // Views come after makeOutput, which may grow the heap and detach older ones.
    const sums = backend.typedArrayFromHeap(out), values = backend.typedArrayFromHeap(x);
    const ids = backend.typedArrayFromHeap(segmentIds);
    sums.fill(0);
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i];
      if (id < 0) continue;
      if (id >= numSegments) {
        backend.disposeData(out.dataId);
        throw new RangeError(`unsortedSegmentSum: segment ${id} is not below ${numSegments}`);
      }
      const to = id * rowSize, from = i * rowSize;
      for (let j = 0; j < rowSize; j++) sums[to + j] += values[from + j];
    }
    return out;
  },
};
