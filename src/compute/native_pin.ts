// Loading a library into the process for good. A runtime that ends a Worker or itself unloads the libraries it opened,
// and libtensorflow's threads then run unmapped code: a segmentation fault at every exit.

/** The C library, and RTLD_NOW | RTLD_NODELETE as it numbers them. macOS's were not run there. */
const { libcPath, RTLD_NOW_NODELETE } = Deno.build.os === "darwin"
  ? { libcPath: "/usr/lib/libSystem.B.dylib", RTLD_NOW_NODELETE: 0x82 }
  : { libcPath: "libc.so.6", RTLD_NOW_NODELETE: 0x1002 };
const STDERR = 2;
const O_WRONLY = 1;

/** Loads libraries (Linux with glibc, macOS) so that they are never unloaded, and keeps their greeting off stderr. */
export function pinLibraries(paths: readonly string[]): void {
  const libc = Deno.dlopen(libcPath, {
    dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
    dlerror: { parameters: [], result: "pointer" },
    open: { parameters: ["buffer", "i32"], result: "i32" },
    dup: { parameters: ["i32"], result: "i32" },
    dup2: { parameters: ["i32", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const { dlopen, dlerror, open, dup, dup2, close } = libc.symbols;
  // libtensorflow greets on stderr while it is loaded, before any log level is read.
  const stderr = dup(STDERR), nowhere = open(cString("/dev/null"), O_WRONLY);
  if (stderr >= 0 && nowhere >= 0) dup2(nowhere, STDERR);
  try {
    for (const path of paths) {
      if (dlopen(cString(path), RTLD_NOW_NODELETE) === null) {
        const reason = dlerror();
        throw new Error(reason === null ? path : Deno.UnsafePointerView.getCString(reason));
      }
    }
  } finally {
    if (stderr >= 0 && nowhere >= 0) dup2(stderr, STDERR);
    for (const descriptor of [stderr, nowhere]) if (descriptor >= 0) close(descriptor);
    libc.close();
  }
}

/** The zero-ended bytes of a text. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
