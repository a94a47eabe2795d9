// The WebGPU adapter of this machine: whether there is one, what it is called, and whether it is a processor in disguise.

export interface FoundAdapter {
  /** For people and for the run's record, e.g. "llvmpipe (LLVM 15.0.6, 256 bits)" or "nvidia ada-lovelace". */
  name: string;
  /** It computes on the processor (lavapipe, SwiftShader, WARP): right, and too slow to be chosen. */
  isSoftware: boolean;
}

/** The fastest adapter that this process may use, or undefined. */
export async function requestAdapter(): Promise<GPUAdapter | undefined> {
  return await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? undefined;
}

/** What an adapter says about itself. Drivers leave parts of it empty, and vendors may be numbers. */
export function describeAdapter(
  info: Pick<GPUAdapterInfo, "vendor" | "architecture" | "device" | "description" | "isFallbackAdapter">,
): FoundAdapter {
  const vendor = VENDORS[info.vendor] ?? info.vendor;
  const description = info.description.trim();
  const parts = description === "" ? [vendor, info.architecture, deviceText(info.device)] : [
    ...(isKnown(vendor) && !description.toLowerCase().includes(vendor.toLowerCase()) ? [vendor] : []),
    description,
    info.architecture,
  ];
  const name = parts.filter((part) => part !== "").join(" ");
  return {
    name: name === "" ? "an adapter without a name" : name,
    isSoftware: info.isFallbackAdapter || SOFTWARE.test(name),
  };
}

/** Names of renderers that run on the processor. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|basic render|\bwarp\b/i;

/** Numbers of the PCI register, as some implementations give them. Mesa's own number says nothing about a device. */
const VENDORS: Readonly<Record<string, string>> = {
  "4098": "AMD",
  "4203": "Apple",
  "4318": "NVIDIA",
  "5045": "ARM",
  "20803": "Qualcomm",
  "32902": "Intel",
  "65541": "",
};

function isKnown(vendor: string): boolean {
  return vendor !== "" && !/^\d+$/.test(vendor);
}

function deviceText(device: string): string {
  return device === "" || device === "0" ? "" : device;
}
