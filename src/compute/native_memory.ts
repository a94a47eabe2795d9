// How glibc's allocator treats memory that libtensorflow frees: kept between steps, which ask for the same again, and given back
// after a compilation, which asks for much of another kind once. Elsewhere than on Linux nothing is changed.

/** Parameters of mallopt(3). */
const M_TRIM_THRESHOLD = -1, M_MMAP_MAX = -4, M_ARENA_MAX = -8;
const LARGEST_INT = 2 ** 31 - 1;
/** What glibc starts with. */
const USUAL_TRIM_THRESHOLD = 128 * 1024, USUAL_MMAP_MAX = 65_536;

export class NativeMemory {
  readonly #libc = Deno.build.os === "linux"
    ? Deno.dlopen("libc.so.6", {
      mallopt: { parameters: ["i32", "i32"], result: "i32" },
      malloc_trim: { parameters: ["usize"], result: "i32" },
    })
    : undefined;

  /** Without it, each tensor above 128 KB is mapped and unmapped, with a page fault for each 4 KB: half the speed. */
  constructor() {
    // One heap for all threads: those of further ones are unmapped as soon as they are empty, behind every call of a lane.
    this.#libc?.symbols.mallopt(M_ARENA_MAX, 1);
    this.#set(0, LARGEST_INT);
  }

  /** What `compile` gives; the memory that it needed on the way is the system's again. */
  whileCompiling<Result>(compile: () => Result): Result {
    this.#set(USUAL_MMAP_MAX, USUAL_TRIM_THRESHOLD);
    try {
      return compile();
    } finally {
      this.#libc?.symbols.malloc_trim(0n);
      this.#set(0, LARGEST_INT);
    }
  }

  close(): void {
    this.#libc?.close();
  }

  #set(mostMaps: number, trimThreshold: number): void {
    this.#libc?.symbols.mallopt(M_MMAP_MAX, mostMaps);
    this.#libc?.symbols.mallopt(M_TRIM_THRESHOLD, trimThreshold);
  }
}
