// `--device`: which NVIDIA GPU each actor computes on. Not run on a GPU.
import { type Role, ROLES } from "../events/mod.ts";
import { ConfigError } from "../src/base/errors.ts";
import { nearestName } from "../src/base/nearest_name.ts";

/** Number of a GPU, as the driver's list counts them; an actor without one takes the first. */
export type ActorDevices = Readonly<Partial<Record<Role, number>>>;

/** `0` for all actors, or `generator=0,policy-optimizer=1`. */
export function parseDevices(text: string): ActorDevices {
  if (/^\d+$/.test(text)) return Object.fromEntries(ROLES.map((role) => [role, gpuNumber(text, text)]));
  const devices: Partial<Record<Role, number>> = {};
  for (const part of text.split(",")) {
    const [name, number, ...rest] = part.split("=").map((word) => word.trim());
    if (number === undefined || rest.length > 0) {
      throw new ConfigError(`Write --device 0 or --device generator=0,policy-optimizer=1: got "${text}"`);
    }
    const role = ROLES.find((role) => role === name);
    if (role === undefined) {
      throw new ConfigError(`Use ${nearestName(name, ROLES)} in --device: there is no actor "${name}"`);
    }
    if (devices[role] !== undefined) throw new ConfigError(`Give ${role} one --device: got "${text}"`);
    devices[role] = gpuNumber(number, text);
  }
  return devices;
}

/** Actors of one process share its GPU. */
export function deviceOfAll(devices: ActorDevices): number | undefined {
  const [first, ...others] = ROLES.map((role) => devices[role]);
  if (others.every((device) => device === first)) return first;
  throw new ConfigError(
    "Leave out --in-process, or give one --device for all: the actors of one process share a GPU",
  );
}

/** The GPUs that are named, each once. */
export function namedDevices(devices: ActorDevices): number[] {
  return [...new Set(Object.values(devices))].sort((a, b) => a - b);
}

function gpuNumber(number: string, text: string): number {
  if (/^\d{1,4}$/.test(number)) return Number(number);
  throw new ConfigError(`Give --device the number of a GPU, from 0: got "${text}"`);
}
