// The wheels that libtensorflow comes in, pinned by hash: one for each platform, and for NVIDIA GPUs its own build with the CUDA
// libraries that its requirements name ("and-cuda"), at the versions that pip resolved for it.
// Run on Linux x86_64 without a GPU only: the other platforms' wheels were not run there, the CUDA ones not run on a GPU.

export const TENSORFLOW_VERSION = "2.21.0";

export interface PinnedWheel {
  /** As pip knows it. */
  name: string;
  version: string;
  /** Wheels with Python extensions have these two. Any would do, as no Python code is used. */
  pythonVersion?: string;
  abi?: string;
  platformTag: string;
  sha256: string;
  wheelBytes: number;
}

/** What the native tier computes with on a processor, keyed by operating system and architecture. */
export const TENSORFLOW_WHEELS: Readonly<Record<string, PinnedWheel | undefined>> = {
  "linux-x86_64": {
    ...tensorflow("tensorflow-cpu"),
    platformTag: "manylinux_2_27_x86_64",
    sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
    wheelBytes: 273_829_956,
  },
  "linux-aarch64": {
    ...tensorflow("tensorflow"),
    platformTag: "manylinux_2_27_aarch64",
    sha256: "4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c",
    wheelBytes: 281_828_020,
  },
  "darwin-aarch64": {
    ...tensorflow("tensorflow"),
    platformTag: "macosx_12_0_arm64",
    sha256: "51f46f4806139d01fc7920cc72a4c75876f80649bf40ff083ab6212ceb43ca88",
    wheelBytes: 223_405_849,
  },
};

/** Where wheels for NVIDIA GPUs are pinned for. */
export const GPU_PLATFORM = "linux-x86_64";

/** The build for NVIDIA GPUs, which also computes without one. */
export const GPU_TENSORFLOW_WHEEL: PinnedWheel = {
  ...tensorflow("tensorflow"),
  platformTag: "manylinux_2_27_x86_64",
  sha256: "9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124",
  wheelBytes: 572_440_367,
};

/** CUDA 12.9, cuDNN 9.28 and NCCL 2.32, keyed by the folder that a wheel holds. */
export const CUDA_WHEELS: Readonly<Record<string, PinnedWheel>> = {
  "nvidia/cublas": {
    name: "nvidia-cublas-cu12",
    version: "12.9.3.13",
    platformTag: "manylinux_2_27_x86_64",
    sha256: "d7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72",
    wheelBytes: 581_217_458,
  },
  "nvidia/cuda_cupti": {
    name: "nvidia-cuda-cupti-cu12",
    version: "12.9.79",
    platformTag: "manylinux_2_25_x86_64",
    sha256: "096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f",
    wheelBytes: 10_814_997,
  },
  "nvidia/cuda_nvcc": {
    name: "nvidia-cuda-nvcc-cu12",
    version: "12.9.86",
    platformTag: "manylinux2010_x86_64",
    sha256: "5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0",
    wheelBytes: 40_546_229,
  },
  "nvidia/cuda_nvrtc": {
    name: "nvidia-cuda-nvrtc-cu12",
    version: "12.9.86",
    platformTag: "manylinux2010_x86_64",
    sha256: "210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4",
    wheelBytes: 89_568_129,
  },
  "nvidia/cuda_runtime": {
    name: "nvidia-cuda-runtime-cu12",
    version: "12.9.79",
    platformTag: "manylinux2014_x86_64",
    sha256: "25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3",
    wheelBytes: 3_493_179,
  },
  "nvidia/cudnn": {
    name: "nvidia-cudnn-cu12",
    version: "9.28.0.42",
    platformTag: "manylinux_2_27_x86_64",
    sha256: "9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375",
    wheelBytes: 716_538_495,
  },
  "nvidia/cufft": {
    name: "nvidia-cufft-cu12",
    version: "11.4.1.4",
    platformTag: "manylinux2014_x86_64",
    sha256: "c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28",
    wheelBytes: 200_877_592,
  },
  "nvidia/curand": {
    name: "nvidia-curand-cu12",
    version: "10.3.10.19",
    platformTag: "manylinux_2_27_x86_64",
    sha256: "49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e",
    wheelBytes: 68_295_626,
  },
  "nvidia/cusolver": {
    name: "nvidia-cusolver-cu12",
    version: "11.7.5.82",
    platformTag: "manylinux_2_27_x86_64",
    sha256: "15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88",
    wheelBytes: 338_117_415,
  },
  "nvidia/cusparse": {
    name: "nvidia-cusparse-cu12",
    version: "12.5.10.65",
    platformTag: "manylinux2014_x86_64",
    sha256: "73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78",
    wheelBytes: 366_465_088,
  },
  "nvidia/nccl": {
    name: "nvidia-nccl-cu12",
    version: "2.32.3",
    platformTag: "manylinux_2_27_x86_64",
    sha256: "bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c",
    wheelBytes: 351_526_311,
  },
  "nvidia/nvjitlink": {
    name: "nvidia-nvjitlink-cu12",
    version: "12.9.86",
    platformTag: "manylinux2010_x86_64",
    sha256: "e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9",
    wheelBytes: 39_748_338,
  },
};

function tensorflow(name: string): Pick<PinnedWheel, "name" | "version" | "pythonVersion" | "abi"> {
  return { name, version: TENSORFLOW_VERSION, pythonVersion: "3.11", abi: "cp311" };
}
