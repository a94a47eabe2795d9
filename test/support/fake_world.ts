// How the processes of a test run behave: told by one environment variable, so that it reaches the actors too.
import { z } from "zod";

export const FAKE_WORLD_VARIABLE = "FAKE_WORLD";

export const FakeWorldSettings = z.strictObject({
  /** Every actor process leaves its process id here, as `<role>`. */
  pidFolder: z.string(),
  /** How long a command takes. */
  delayMs: z.number().default(0),
  /** The coordinator kills itself here, when it passes the moment for the n-th time. */
  crash: z.strictObject({ moment: z.string(), times: z.number() }).optional(),
});
export type FakeWorldSettings = z.infer<typeof FakeWorldSettings>;

export function fakeWorldSettings(): FakeWorldSettings {
  return FakeWorldSettings.parse(JSON.parse(Deno.env.get(FAKE_WORLD_VARIABLE) ?? "null"));
}
