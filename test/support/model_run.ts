// A run's folder with real, tiny models in it: the fabricated log, with the digests of artifacts that exist. And a world for
// commands that records what they say.
import { dirname, join, relative } from "node:path";
import { openFileArtifacts } from "../../src/store/file_artifacts.ts";
import { openFileLog } from "../../src/store/file_log.ts";
import { keyFromSeed, normals } from "../../src/base/random.ts";
import { encodeModel } from "../../src/model/checkpoint.ts";
import { adapterSize, linearModules } from "../../src/model/lora.ts";
import { encodeAdapter, type StoredAdapter } from "../../src/model/stored_model.ts";
import type { CommandWorld } from "../../scripts/model_command.ts";
import { parityModel } from "../golden/parity_model.ts";
import { fabricatedDigest } from "./fabricated_answers.ts";
import { fabricatedRun } from "./fabricated_run.ts";

export const MODEL_RUN = "tiny-1";
/** Options that name it. */
export const FROM_MODEL_RUN = ["--from", MODEL_RUN, "--runs-dir", "runs"];

export interface RecordedWorld extends CommandWorld {
  /** Where the user stands; the run lies there, in `runs/<MODEL_RUN>`. */
  workingFolder: string;
  runsFolder: string;
  /** Lines of the result, and lines for people. */
  result: string[];
  told: string[];
}

/**
 * Two iterations over the parity model: policies 0 and 1 are weaker copies of 2, reward 1 a weaker copy of 2. `isAdapted`: policy 2
 * is `modelRunAdapter` on policy 0 instead.
 */
export async function withModelRun(
  body: (world: RecordedWorld) => Promise<void>,
  { isAdapted = false }: { isAdapted?: boolean } = {},
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "models-" });
  try {
    for (const [path, bytes] of await modelRunFiles(isAdapted)) {
      const file = join(folder, "runs", MODEL_RUN, path);
      Deno.mkdirSync(dirname(file), { recursive: true });
      Deno.writeFileSync(file, bytes);
    }
    const result: string[] = [], told: string[] = [];
    await body({
      environment: { INIT_CWD: folder },
      runsFolder: join(folder, "runs"),
      workingFolder: folder,
      out: (line) => result.push(line),
      tell: (line) => told.push(line),
      result,
      told,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Of random numbers; its base is a digest. */
export function modelRunAdapter(base: string): StoredAdapter {
  const { model } = parityModel().policy;
  const config = { rank: 2, alpha: 4, rankStabilised: false, targetModules: linearModules(model) };
  const flat = normals(keyFromSeed(5), adapterSize({ model, config })).map((value) => 0.1 * value);
  return { model, config, base, baseType: "F32", flat };
}

const runFiles = new Map<boolean, Promise<Map<string, Uint8Array>>>();

/** The run's files by path. Written by the real store once, which syncs every file; then kept in memory. */
function modelRunFiles(isAdapted: boolean): Promise<Map<string, Uint8Array>> {
  const known = runFiles.get(isAdapted) ?? makeRunFiles(isAdapted);
  runFiles.set(isAdapted, known);
  return known;
}

async function makeRunFiles(isAdapted: boolean): Promise<Map<string, Uint8Array>> {
  const folder = await Deno.makeTempDir({ prefix: "models-" });
  try {
    await writeModelRun(folder, isAdapted);
    const files = new Map<string, Uint8Array>();
    const read = (inner: string) => {
      for (const { name, isDirectory } of Deno.readDirSync(inner)) {
        const path = join(inner, name);
        if (isDirectory) read(path);
        else files.set(relative(folder, path), Deno.readFileSync(path));
      }
    };
    read(folder);
    return files;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeModelRun(folder: string, isAdapted: boolean): Promise<void> {
  const { tokenizer, policy, reward } = parityModel();
  const artifacts = openFileArtifacts(folder);
  const put = ({ model, flat }: typeof policy, weight: number) =>
    artifacts.put(encodeModel(model, flat.map((value) => weight * value)));
  const policy0 = await put(policy, 0.8);
  const digests: [string, string][] = [
    [fabricatedDigest("tokenizer"), await artifacts.put(new TextEncoder().encode(tokenizer))],
    [fabricatedDigest("policy 0"), policy0],
    [fabricatedDigest("policy 1"), await put(policy, 0.9)],
    [
      fabricatedDigest("policy 2"),
      isAdapted ? await artifacts.put(encodeAdapter(modelRunAdapter(policy0))) : await put(policy, 1),
    ],
    [fabricatedDigest("reward 1"), await put(reward, 0.9)],
    [fabricatedDigest("reward 2"), await put(reward, 1)],
  ];
  const { log } = openFileLog(folder, MODEL_RUN);
  try {
    const records = fabricatedRun({ run: MODEL_RUN }).map(({ id, at, type, data, meta, commands }) => {
      const text = digests.reduce((json, [from, to]) => json.replaceAll(from, to), JSON.stringify(data));
      return { id, at, type, data: JSON.parse(text), meta, commands };
    });
    log.append(records, 0);
  } finally {
    log.close();
  }
}
