// Gather on the native tier. The package's kernel reads all indices back to the host to check their range;
// libtensorflow checks them itself.
import * as tf from "@tensorflow/tfjs-core";
import {
  createTensorsTypeOpAttr,
  type NodeJSKernelBackend,
} from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";

export function replaceGather(backend: NodeJSKernelBackend): void {
  tf.unregisterKernel(tf.GatherV2, "tensorflow");
  tf.registerKernel({
    kernelName: tf.GatherV2,
    backendName: "tensorflow",
    kernelFunc: ({ inputs, attrs }) => {
      const { x, indices } = inputs;
      if (x === undefined || indices === undefined) throw new TypeError("gather needs x and indices");
      const axis = tf.scalar(Number(attrs?.axis), "int32");
      const batchDims = {
        name: "batch_dims",
        type: backend.binding.TF_ATTR_INT,
        value: Number(attrs?.batchDims),
      };
      try {
        return backend.executeSingleOutput(tf.GatherV2, [
          batchDims,
          createTensorsTypeOpAttr("Tparams", x.dtype),
          createTensorsTypeOpAttr("Tindices", indices.dtype),
          createTensorsTypeOpAttr("Taxis", "int32"),
        ], [x, indices, axis]);
      } finally {
        axis.dispose();
      }
    },
  });
}
