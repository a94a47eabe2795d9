// Where tests find a WebGPU adapter: any that this machine offers, a software one too.
import { describeAdapter, type FoundAdapter, requestAdapter } from "../../../src/compute/webgpu_adapter.ts";

/** What the adapter says of itself, or why tests that need it are skipped. */
export async function webgpuTestAdapter(): Promise<FoundAdapter | { missing: string }> {
  const adapter = await requestAdapter();
  return adapter === undefined
    ? { missing: "this machine offers no WebGPU adapter (a software one comes with Mesa's lavapipe)" }
    : describeAdapter(adapter.info);
}
