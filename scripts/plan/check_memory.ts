// Before a run starts: whether its actors' memory is there. An estimate (memory_budget.ts), so it can be overruled.
import { type Role, ROLES, type RunConfig } from "../../events/mod.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { lanesOf } from "../../src/compute/lanes.ts";
import { computesOnNvidia } from "../../src/compute/native_gpu.ts";
import { memoryShortage, planBudget } from "../../src/irl/plan_budget.ts";
import type { ActorDevices } from "../actor_devices.ts";
import type { ChosenCompute } from "../choose_compute.ts";
import { listNvidiaGpus, type NvidiaGpu } from "../find_gpus.ts";
import type { LoadedData } from "../load_data.ts";
import { availableMemory } from "./available_memory.ts";
import { loadedPlanData } from "./loaded_plan_data.ts";

export interface MemoryCheck {
  compute: ChosenCompute;
  /** Which GPU each actor computes on. */
  devices?: ActorDevices;
  /** All actors in one process, which uses its memory again and again. */
  inProcess: boolean;
  /** @default what this machine has left */
  hostBytes?: number;
  /** @default what the driver lists, where the tier computes on it */
  gpus?: readonly NvidiaGpu[];
}

/** Throws ConfigError with what is short and what to change. */
export async function checkMemory(
  config: RunConfig,
  data: LoadedData,
  { compute, devices = {}, inProcess, hostBytes = availableMemory(), gpus }: MemoryCheck,
): Promise<void> {
  const budget = planBudget(
    config,
    loadedPlanData(config, data),
    compute.description.name,
    lanesOf(compute.description),
  );
  const onGpu = computesOnNvidia(compute.description) ? gpus ?? await listNvidiaGpus() : [];
  const groups = onGpu.length === 0
    ? [{ roles: ROLES, deviceBytes: undefined }]
    : deviceGroups(devices, onGpu);
  for (const { roles, deviceBytes } of groups) {
    const shortage = memoryShortage(budget, { hostBytes, deviceBytes, deviceRoles: roles, inProcess });
    if (shortage !== undefined) throw new ConfigError(`${shortage} (--no-memory-check starts all the same)`);
  }
}

/** The actors of each GPU; one that no GPU is named for takes the first. */
function deviceGroups(
  devices: ActorDevices,
  gpus: readonly NvidiaGpu[],
): { roles: readonly Role[]; deviceBytes: number }[] {
  return gpus.flatMap(({ index, memoryMebibytes }) => {
    const roles = ROLES.filter((role) => (devices[role] ?? gpus[0].index) === index);
    return roles.length === 0 ? [] : [{ roles, deviceBytes: memoryMebibytes * 2 ** 20 }];
  });
}
