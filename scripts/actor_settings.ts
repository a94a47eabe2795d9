// What an actor process is told by the process that starts it: a JSON text in one environment variable, because the
// arguments of a process can be read by every user of the machine and a bus may have a token.
import { z } from "zod";
import { Role, RunName } from "../events/mod.ts";

export const ACTOR_VARIABLE = "IRL_ACTOR";

export const BusSettings = z.discriminatedUnion("kind", [
  /** Over the process's own standard streams. */
  z.strictObject({ kind: z.literal("pipe") }),
  z.strictObject({ kind: z.literal("nats"), url: z.string(), token: z.string().optional() }),
]);
export type BusSettings = z.infer<typeof BusSettings>;

export const ActorSettings = z.strictObject({
  role: Role,
  run: RunName,
  bus: BusSettings,
  worker: z.strictObject({
    folder: z.string(),
    /** Number of its NVIDIA GPU; its environment is set by it already. */
    device: z.number().int().nonnegative().optional(),
    tier: z.strictObject({
      name: z.enum(["native", "webgpu", "wasm", "cpu"]),
      threads: z.number().int().positive(),
      libraryDirectory: z.string().optional(),
      variant: z.enum(["xla", "graph", "eager", "simd128", "relaxed-simd"]).optional(),
      tf32: z.boolean().optional(),
    }),
  }),
});
export type ActorSettings = z.infer<typeof ActorSettings>;

/** The one line that an actor process says besides the bus's protocol. */
export const ActorHello = z.union([
  z.strictObject({
    started: z.strictObject({
      pid: z.number(),
      tier: z.strictObject({
        name: z.enum(["native", "webgpu", "wasm", "cpu"]),
        variant: z.string(),
        threads: z.number(),
        engine: z.string(),
      }),
      /** Why the tier is not the variant that one would wish for. */
      remark: z.string().optional(),
    }),
  }),
  z.strictObject({ refused: z.strictObject({ name: z.string(), message: z.string() }) }),
]);
export type ActorHello = z.infer<typeof ActorHello>;

/** Undefined for any other line. */
export function parseHello(line: string): ActorHello | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const parsed = ActorHello.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
