// `deno task plan PRESET`: what a configuration needs before anything runs: parameters, memory of every actor, tokens, operations and
// hours on a named device. With --measure the memory is measured as well.
import { join } from "node:path";
import { z } from "zod";
import type { RunConfig } from "../events/mod.ts";
import { ConfigError } from "../src/base/errors.ts";
import { lanesOf } from "../src/compute/lanes.ts";
import type { TierName } from "../src/compute/tier.ts";
import { COMPUTE_DEVICES, workSeconds } from "../src/irl/compute_devices.ts";
import { boundedData, type PlanData } from "../src/irl/plan_data.ts";
import { gigabytes, memoryShortage, planBudget } from "../src/irl/plan_budget.ts";
import { PRESETS } from "../src/irl/presets.ts";
import { readModelConfig } from "../src/model/read_model_config.ts";
import { chooseCompute } from "./choose_compute.ts";
import { choice, type CommandTable, flag, list, value, wholeNumber } from "./command_line.ts";
import { fieldsOption, parseFields } from "./data_fields.ts";
import { loadData } from "./load_data.ts";
import { availableMemory } from "./plan/available_memory.ts";
import { loadedPlanData } from "./plan/loaded_plan_data.ts";
import { measuredLines, measurePlan } from "./plan/measure_plan.ts";
import { planLines } from "./plan/plan_text.ts";
import { resolveConfig, settingsNamed } from "./resolve_config.ts";
import { runCommand } from "./run_command.ts";
import { systemClock } from "./run_context.ts";
import { openTerminal, processStream } from "./terminal.ts";
import { type Environment, userPath } from "./user_environment.ts";

const DEVICES = Object.keys(COMPUTE_DEVICES);

const options = z.strictObject({
  set: list("path=value", "one field of the configuration, any number of times"),
  model: value("DIR", "a Hugging Face folder whose config.json gives the model"),
  sft: value("DIR", "the same, of a policy that is tuned already"),
  data: value("FILE", "demonstrations whose lengths are counted; without a tokenizer of --model, in words"),
  "eval-data": value("FILE", "held-out demonstrations"),
  fields: fieldsOption,
  "prompt-tokens": wholeNumber("tokens of a prompt (default: as the data, or as much as is allowed)", {
    min: 1,
  }),
  "completion-tokens": wholeNumber("tokens of a completion, its end included", { min: 2 }),
  device: value(DEVICES.join("|"), "the device that times are estimated for (default: 2-cores)"),
  backend: choice(["native", "wasm", "cpu"], "the tier whose memory is estimated (default: native)"),
  measure: flag("measure the memory of every step as well, in processes of their own"),
  json: flag("one JSON object on standard output"),
});
type Options = z.output<typeof options>;

export const planTable: CommandTable<typeof options.shape> = {
  name: "deno task plan",
  summary:
    "Says what a preset needs: parameters, memory of every actor, tokens, operations, hours on a device.",
  positionals: [{ name: "PRESET", about: Object.keys(PRESETS).join(", ") }],
  options,
  meant: settingsNamed,
  examples: [
    "deno task plan tldr --device h100",
    "deno task plan demo --measure",
    "deno task plan ultrachat --set policy.samplesPerPrompt=4",
  ],
};

export interface Planned {
  config: RunConfig;
  data: PlanData;
  tier: TierName;
  device: string;
}

/** Configuration, data and device as the command line names them. Throws ConfigError. */
export async function resolvePlan(
  preset: string,
  given: Options,
  environment: Environment,
): Promise<Planned> {
  const device = given.device ?? "2-cores";
  if (!DEVICES.includes(device)) {
    throw new ConfigError(`Choose --device from ${DEVICES.join(", ")}: there is no "${device}"`);
  }
  const path = (name: string | undefined) => name === undefined ? undefined : userPath(name, environment);
  const config = resolveConfig({
    preset,
    set: given.set,
    hasData: given.data !== undefined,
    model: readShape({ model: path(given.model), sft: path(given.sft) }),
  });
  if (given.fields !== undefined && given.data === undefined) {
    throw new ConfigError("Leave out --fields, or give --data the file whose fields they are");
  }
  const files = {
    data: path(given.data),
    evaluationData: path(given["eval-data"]),
    fields: parseFields(given.fields),
  };
  const isReadable = config.task.kind === "made-up" || files.data !== undefined;
  const data = isReadable ? loadedPlanData(config, await loadData(config, files)) : boundedData(config);
  return { config, data: withLengths(data, given), tier: given.backend ?? "native", device };
}

/** What a folder's config.json says of the model; its weights are not read. */
function readShape(
  { model, sft }: { model?: string; sft?: string },
): Partial<RunConfig["model"]> | undefined {
  const folder = model ?? sft;
  if (folder === undefined) return undefined;
  const file = join(folder, "config.json");
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (cause) {
    throw new ConfigError(
      `Give ${model === undefined ? "--sft" : "--model"} a folder with config.json: "${folder}"`,
      {
        cause,
      },
    );
  }
  const { head: _head, rewardShift: _shift, ...shape } = readModelConfig(text, file);
  return { ...shape, start: model === undefined ? "tuned" : "pretrained" };
}

function withLengths(data: PlanData, given: Options): PlanData {
  const prompt = given["prompt-tokens"], completion = given["completion-tokens"];
  return {
    ...data,
    ...(prompt === undefined ? {} : { prompt: { longest: prompt, mean: prompt } }),
    ...(completion === undefined ? {} : { completion: { longest: completion, mean: completion } }),
  };
}

/** What the command prints, as lines and as data. */
export function plan({ config, data, tier, device }: Planned, hostBytes: number) {
  const facts = COMPUTE_DEVICES[device], own = { name: tier, threads: navigator.hardwareConcurrency };
  // Tensors of the other tiers are the host's.
  const deviceBytes = tier === "native" ? facts.memoryBytes : undefined;
  const budget = planBudget(config, data, tier, deviceBytes === undefined ? lanesOf(own) : 1);
  const shortage = memoryShortage(budget, { hostBytes, deviceBytes });
  const onDevice = deviceBytes === undefined ? "" : `, and the device's ${gigabytes(deviceBytes)}`;
  const verdict = shortage ?? `It fits what is free on this machine, ${gigabytes(hostBytes)}${onDevice}`;
  const seconds = Object.fromEntries(budget.steps.map((work) => [work.step, workSeconds(work, facts)]));
  return {
    lines: planLines(budget, {
      preset: config.preset,
      tier,
      device: { name: device, facts },
      hasDeviceMemory: deviceBytes !== undefined,
      verdict,
    }),
    report: { preset: config.preset, tier, device, ...budget, seconds, shortage: shortage ?? null },
  };
}

if (import.meta.main) {
  await runCommand(planTable, async ({ options: given, positionals: [preset] }) => {
    const environment = Deno.env.toObject();
    const terminal = openTerminal(processStream(given.json ? Deno.stderr : Deno.stdout), systemClock);
    const planned = await resolvePlan(preset, given, environment);
    const { lines, report } = plan(planned, availableMemory());
    for (const line of given.measure && !given.json ? lines.slice(0, 3) : lines) {
      if (!given.json) terminal.line(line);
    }
    const measured = given.measure ? await measureOn(planned, { environment, terminal }) : undefined;
    if (measured !== undefined) { for (const line of measuredLines(measured)) terminal.line(line); }
    if (given.json) console.log(JSON.stringify({ ...report, ...(measured && { measured }) }));
    return 0;
  });
}

async function measureOn(
  { config, data, tier }: Planned,
  { environment, terminal }: { environment: Environment; terminal: ReturnType<typeof openTerminal> },
) {
  const compute = await chooseCompute({
    requested: tier,
    mayFetch: true,
    environment,
    log: (line) => terminal.progress(line),
  });
  const told = (text: string) => terminal.progress(text);
  return await measurePlan(config, data, { tier: compute.options, told }).finally(() =>
    terminal.progress("")
  );
}
