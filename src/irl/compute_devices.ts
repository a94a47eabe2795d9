// Devices that a plan estimates times for: what their makers state, and which share of it a run is assumed to reach.
// Estimates, not measurements, but for the processor. A run computes in float32; TF32 rounds the factors of products to 10 bits.
import type { StepWork } from "./work_budget.ts";

export interface ComputeDevice {
  about: string;
  /** Floating-point operations a second at best, and the assumed share of it in training and scoring. */
  peakOperations: number;
  utilisation: number;
  /** Bytes a second that its memory gives at best, and the assumed share of it in drawing tokens. */
  memoryBandwidth: number;
  bandwidthShare: number;
  /** Memory of its own; undefined for a processor, which uses the machine's. */
  memoryBytes?: number;
  source: string;
}

const ASSUMED = { utilisation: 0.4, bandwidthShare: 0.5 };

export const COMPUTE_DEVICES: Readonly<Record<string, ComputeDevice>> = {
  "2-cores": {
    about: "two cores of a server processor with AVX2 or AVX-512, tier native",
    peakOperations: 1.2e11,
    utilisation: 0.5,
    memoryBandwidth: 2e10,
    bandwidthShare: 0.5,
    source: "fitted to the demo on two cores, README",
  },
  "rtx-4090": {
    about: "NVIDIA GeForce RTX 4090, float32",
    peakOperations: 82.6e12,
    memoryBandwidth: 1.008e12,
    memoryBytes: 24e9,
    source: "NVIDIA Ada GPU architecture, table 2; utilisation assumed",
    ...ASSUMED,
  },
  "a100": {
    about: "NVIDIA A100 SXM 80 GB, float32",
    peakOperations: 19.5e12,
    memoryBandwidth: 2.039e12,
    memoryBytes: 80e9,
    source: "NVIDIA A100 data sheet; utilisation assumed",
    ...ASSUMED,
  },
  "a100-tf32": {
    about: "NVIDIA A100 SXM 80 GB, TF32",
    peakOperations: 156e12,
    memoryBandwidth: 2.039e12,
    memoryBytes: 80e9,
    source: "NVIDIA A100 data sheet, dense; utilisation assumed",
    ...ASSUMED,
  },
  "h100": {
    about: "NVIDIA H100 SXM 80 GB, float32",
    peakOperations: 67e12,
    memoryBandwidth: 3.35e12,
    memoryBytes: 80e9,
    source: "NVIDIA H100 data sheet; utilisation assumed",
    ...ASSUMED,
  },
  "h100-tf32": {
    about: "NVIDIA H100 SXM 80 GB, TF32",
    peakOperations: 494.7e12,
    memoryBandwidth: 3.35e12,
    memoryBytes: 80e9,
    source: "NVIDIA H100 data sheet, dense; utilisation assumed",
    ...ASSUMED,
  },
};

/** Seconds of a step's work: operations at the assumed rate, and drawing at the slower of operations and memory. */
export function workSeconds(
  { operations, drawingOperations, drawingBytes }: StepWork,
  { peakOperations, utilisation, memoryBandwidth, bandwidthShare }: ComputeDevice,
): number {
  const rate = peakOperations * utilisation;
  const drawing = Math.max(drawingOperations / rate, drawingBytes / (memoryBandwidth * bandwidthShare));
  return operations / rate + drawing;
}
