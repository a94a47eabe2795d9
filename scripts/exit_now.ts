// Ends this process at once. A plain exit first runs the exit handlers of every library; libtensorflow's take its registries
// away from under its own threads, and one that is just being loaded by a Worker then loops forever: an orphan at full speed.

let exitWithoutHandlers: ((code: number) => void) | undefined;

/** Call it before a native library is loaded: while one is being loaded, no other can be. */
export function prepareExit(): void {
  if (Deno.build.os !== "linux") return;
  const { symbols } = Deno.dlopen("libc.so.6", { _exit: { parameters: ["i32"], result: "void" } });
  exitWithoutHandlers = symbols._exit;
}

/** What was written to standard output and error is out already: those writes wait for the system. */
export function exitNow(code: number): never {
  exitWithoutHandlers?.(code);
  Deno.exit(code);
}
