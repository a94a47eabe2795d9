// What can happen in a run: configuration, commands, results, events. Schemas only, no I/O.
export * from "./commands.ts";
export * from "./places.ts";
export * from "./results.ts";
export * from "./run_config.ts";
export * from "./run_events.ts";
export * from "./upcast.ts";
