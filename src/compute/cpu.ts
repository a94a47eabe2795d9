// Tier "cpu": tfjs in plain JavaScript. The slow reference that the other tiers are tested against.
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { leaveBackend, useBackend } from "./backend.ts";
import { eagerCompiler } from "./compile.ts";
import type { OpenBackend } from "./tier.ts";

export async function openCpu(): Promise<OpenBackend> {
  await useBackend("cpu");
  return {
    description: { name: "cpu", variant: "js", threads: 1, engine: `tfjs ${tf.version_core}` },
    ...eagerCompiler,
    dispose: () => leaveBackend("cpu"),
  };
}
