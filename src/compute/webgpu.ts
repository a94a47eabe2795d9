// Tier "webgpu": tfjs-backend-webgpu on an adapter of this machine, operation by operation, with our guard around it.
// Never run on a hardware adapter by us: what is tested is its numbers on a software one, not its speed or a vendor's driver.
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../base/errors.ts";
import { useBackend } from "./backend.ts";
import { eagerCompiler } from "./compile.ts";
import type { OpenBackend } from "./tier.ts";
import { describeAdapter, requestAdapter } from "./webgpu_adapter.ts";
import { setBufferLimit } from "./buffer_limit.ts";
import { guardBackend, largestBuffer } from "./webgpu_guard.ts";
import { replaceKernels } from "./webgpu_kernels.ts";

/** The name under which tfjs knows the backend and its kernels. */
const BACKEND = "webgpu";

/** Throws ConfigError where there is no adapter. */
export async function openWebgpu(): Promise<OpenBackend> {
  const adapter = await requestAdapter();
  if (adapter === undefined) {
    throw new ConfigError("Choose another --backend: this machine offers no WebGPU adapter");
  }
  const device = await openDevice(adapter);
  const backend = new WebGPUBackend(device, adapter.info);
  const guard = guardBackend(backend);
  // The package registers a backend of its own when it is imported, with a device that nobody watches.
  if (tf.findBackendFactory(BACKEND) !== null) tf.removeBackend(BACKEND);
  tf.registerBackend(BACKEND, () => backend);
  // Small tensors would be computed in JavaScript: the self-test would then prove nothing about the GPU.
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  const restore = replaceKernels(backend);
  setBufferLimit(BACKEND, largestBuffer(device));
  const dispose = () => {
    restore();
    setBufferLimit(BACKEND, undefined);
    guard.release();
    tf.removeBackend(BACKEND); // disposes it, and with it the buffers
    device.destroy();
  };
  try {
    await useBackend(BACKEND);
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    description: {
      name: "webgpu",
      variant: "wgsl",
      threads: 1,
      engine: `tfjs ${tf.version_core}, ${describeAdapter(adapter.info).name}`,
    },
    ...eagerCompiler,
    failed: guard.failed,
    dispose,
  };
}

/** With the adapter's own limits: the guaranteed ones are too small for a language model's logits. */
async function openDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const { limits } = adapter;
  return await adapter.requestDevice({
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((name) => [name, limits[name]])),
  });
}

const RAISED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
] as const;
