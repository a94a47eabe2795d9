// Environment of a process that computes on the native tier. It must be set before the process starts,
// so the parent passes it on.

export function nativeEnvironment(): Record<string, string> {
  return {
    // glibc would map and unmap every tensor above 128 KB, with a page fault for each 4 KB: half the speed.
    MALLOC_MMAP_MAX_: "0",
    MALLOC_TRIM_THRESHOLD_: "100000000000",
    // Errors only: libtensorflow tells about processor features and devices on stderr.
    TF_CPP_MIN_LOG_LEVEL: "2",
    // A GPU's memory is taken as needed, so that several actors can share it.
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
  };
}
