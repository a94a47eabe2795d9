// The GPUs of this machine as a run could use them: NVIDIA's by their driver's tool, any by WebGPU.
// Each is asked in a process of its own: a driver may write on the terminal, hang or fall over.
import { z } from "zod";
import { describeAdapter, type FoundAdapter, requestAdapter } from "../src/compute/webgpu_adapter.ts";
import { configPath } from "./config_path.ts";

export interface NvidiaGpu {
  /** As `--device` numbers them. */
  index: number;
  name: string;
  memoryMebibytes: number;
  driver: string;
}

/** In the driver's order; none where there is no driver. */
export async function listNvidiaGpus(program = "nvidia-smi"): Promise<NvidiaGpu[]> {
  const text = await outputOf(program, [
    "--query-gpu=index,name,memory.total,driver_version",
    "--format=csv,noheader,nounits",
  ]);
  return (text ?? "").split("\n").flatMap((line) => {
    const [index, name, memory, driver] = line.split(",").map((field) => field.trim());
    if (driver === undefined || !/^\d+$/.test(index)) return [];
    return [{ index: Number(index), name, memoryMebibytes: Number(memory), driver }];
  });
}

const Adapter = z.strictObject({ name: z.string(), isSoftware: z.boolean() });

/** The adapter that the tier "webgpu" would open, or undefined. */
export async function findAdapter(): Promise<FoundAdapter | undefined> {
  const text = await outputOf(Deno.execPath(), [
    "run",
    "--no-prompt",
    "--quiet",
    `--config=${configPath}`,
    import.meta.url,
  ]);
  const line = text?.split("\n").find((line) => line.startsWith("{"));
  return line === undefined ? undefined : Adapter.parse(JSON.parse(line));
}

/** Undefined when the program is not there, fails or takes too long. */
async function outputOf(program: string, args: string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, {
      args,
      stdin: "null",
      stderr: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) {
      return undefined;
    }
    throw error;
  }
}

const TIMEOUT_MS = 20_000;

if (import.meta.main) {
  const adapter = await requestAdapter();
  if (adapter !== undefined) console.log(JSON.stringify(describeAdapter(adapter.info)));
}
