// Steps that compute nothing: plausible numbers, and real little artifacts whose bytes name the command that made them. A pure
// function of everything but run, id and attempt, so that equal runs have equal digests and a wrong input shows in them.
import type { ComputePort } from "../../actors/compute_actor.ts";
import { type Command, RunConfig } from "../../events/mod.ts";
import { canonicalJson } from "../../src/base/canonical.ts";
import type { ArtifactStore } from "../../src/base/ports.ts";
import type { TierDescription } from "../../src/compute/tier.ts";
import { PRESETS } from "../../src/irl/presets.ts";
import { openFileArtifacts } from "../../src/store/file_artifacts.ts";
import type { OpenCompute } from "../../scripts/worker_compute.ts";
import { answerOf } from "./fabricated_answers.ts";

export const FAKE_TIER: TierDescription = { name: "cpu", variant: "fake", threads: 1, engine: "none" };

export interface FakeStepsOptions {
  /** Called before a command is answered: it may wait, throw, or end the process. */
  before?(command: Command): void | Promise<void>;
}

export function fakeCompute(artifacts: ArtifactStore, { before }: FakeStepsOptions = {}): ComputePort {
  return {
    async run(command, onProgress) {
      await before?.(command);
      onProgress({ done: 1, total: 1, unit: "steps", metrics: { loss: 1 } });
      const { answer, seconds } = answerOf(command, RunConfig.parse(PRESETS.tiny));
      const { run: _run, id: _id, attempt: _attempt, ...inputs } = command;
      for (const digest of digestsIn(inputs)) await artifacts.get(digest);
      const data = await withArtifacts(answer.data, { artifacts, maker: inputs, path: "" });
      return { data, meta: { seconds } };
    },
  };
}

/** For a crew, in this process or in one of its own. */
export function openFakeCompute(folder: string, options: FakeStepsOptions = {}): OpenCompute {
  const { promise: broken } = Promise.withResolvers<never>(), closing = Promise.withResolvers<never>();
  closing.promise.catch(() => {});
  const { run } = fakeCompute(openFileArtifacts(folder), options);
  return {
    tier: FAKE_TIER,
    compute: { run: (command, onProgress) => Promise.race([run(command, onProgress), closing.promise]) },
    broken,
    close: () => closing.reject(new Error("The fake compute was ended")),
  };
}

function digestsIn(value: unknown): string[] {
  return JSON.stringify(value).match(/sha256:[0-9a-f]{64}/g) ?? [];
}

/** The value with every digest replaced by that of an artifact that exists. */
async function withArtifacts(
  value: unknown,
  place: { artifacts: ArtifactStore; maker: unknown; path: string },
): Promise<unknown> {
  const { artifacts, maker, path } = place;
  if (typeof value === "string" && value.startsWith("sha256:")) {
    return await artifacts.put(new TextEncoder().encode(canonicalJson([maker, path])));
  }
  if (Array.isArray(value)) {
    return await Promise.all(value.map((item, i) => withArtifacts(item, { ...place, path: `${path}/${i}` })));
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(async ([key, item]) =>
    [key, await withArtifacts(item, { ...place, path: `${path}/${key}` })] as const
  );
  return Object.fromEntries(await Promise.all(entries));
}
