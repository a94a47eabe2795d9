// Fetching wheels, with a shell script in the place of pip: nothing here reaches a network.
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { fetchWheel, type WheelOptions } from "../../../scripts/fetch/wheel.ts";
import { ConfigError, WriteError } from "../../../src/base/errors.ts";
import { sha256 } from "../../../src/base/canonical.ts";
import { zipOf } from "./zip_writer.ts";

const text = (words: string) => new TextEncoder().encode(words);
const WHEEL = zipOf([
  { path: "pack/lib/libone.so.2", data: text("one".repeat(1000)) },
  { path: "pack/bin/tool", data: text("#!/bin/sh\n"), executable: true },
  { path: "pack/unwanted.py", data: text("import this") },
]);

describe("fetchWheel()", () => {
  let folder: string, lines: string[];
  beforeEach(async () => {
    folder = await Deno.makeTempDir({ prefix: "wheel-test-" });
    lines = [];
    await Deno.writeFile(join(folder, "pack-1.0-py3-none-any.whl"), WHEEL);
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  /** A pip that runs `body` with $target = the folder of `-d`, after noting its arguments and requirements. */
  async function pip(body: string): Promise<string[]> {
    const script = join(folder, "pip.sh");
    await Deno.writeTextFile(
      script,
      `[ "$1" = --version ] && exit 0
       echo "$@" >> ${folder}/calls
       while [ $# -gt 0 ]; do case $1 in -d) target=$2;; -r) cat "$2" >> ${folder}/requirements;; esac; shift; done
       ${body}\n`,
    );
    return ["sh", script];
  }

  const copy = () => `cp ${folder}/pack-1.0-py3-none-any.whl "$target"`;

  async function options(changes: Partial<WheelOptions> = {}): Promise<WheelOptions> {
    return {
      name: "pack",
      version: "1.0",
      platformTag: "manylinux_2_27_x86_64",
      sha256: sha256(WHEEL),
      members: (path) => path.endsWith(".py") ? undefined : path.replace("pack/", ""),
      into: join(folder, "cache", "pack-1.0"),
      log: (line) => lines.push(line),
      pip: changes.pip ?? await pip(copy()),
      ...changes,
    };
  }

  const calls = () => Deno.readTextFile(join(folder, "calls")).catch(() => "");
  const cached = () => [...Deno.readDirSync(join(folder, "cache"))].map(({ name }) => name).sort();

  it("unpacks the chosen members into a folder, with programs executable, and leaves nothing else behind", async () => {
    const into = await fetchWheel(await options());
    assert.equal(into, join(folder, "cache", "pack-1.0"));
    assert.equal(await Deno.readTextFile(join(into, "lib", "libone.so.2")), "one".repeat(1000));
    assert.equal((Deno.statSync(join(into, "bin", "tool")).mode ?? 0) & 0o777, 0o755);
    assert.deepEqual([...Deno.readDirSync(into)].map(({ name }) => name).sort(), ["bin", "lib"]);
    assert.deepEqual(cached(), [".pack-1.0.lock", "pack-1.0"]);
    assert.equal(lines[0], "pack 1.0: downloading with pip");
    assert.match(lines.at(-1) ?? "", /unpacked 0\.0 MB/);
  });

  it("asks pip for one wheel by hash, and names no index", async () => {
    await fetchWheel(await options({ pythonVersion: "3.11", abi: "cp311" }));
    const asked = await calls();
    for (
      const words of [
        "download --no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--platform manylinux_2_27_x86_64",
      ]
    ) {
      assert.ok(asked.includes(words), `${words} in ${asked}`);
    }
    assert.ok(asked.includes("--python-version 3.11 --implementation cp --abi cp311"));
    assert.ok(!/index|http|find-links/.test(asked));
    const requirements = await Deno.readTextFile(join(folder, "requirements"));
    assert.equal(requirements, `pack==1.0 --hash=sha256:${sha256(WHEEL)}\n`);
  });

  it("does nothing when the folder is there", async () => {
    await fetchWheel(await options());
    await fetchWheel(await options());
    assert.equal((await calls()).trim().split("\n").length, 1);
  });

  it("works once for several callers at the same time", async () => {
    const slow = await pip(`sleep 0.2; ${copy()}`);
    const results = await Promise.all(
      [1, 2, 3].map(async () => await fetchWheel(await options({ pip: slow }))),
    );
    assert.deepEqual(new Set(results), new Set([join(folder, "cache", "pack-1.0")]));
    assert.equal((await calls()).trim().split("\n").length, 1);
    assert.ok(lines.includes("pack 1.0: waiting for another process that fetches it"));
    assert.deepEqual(cached(), [".pack-1.0.lock", "pack-1.0"]);
  });

  it("uses the folder of a process that was faster", async () => {
    const into = join(folder, "cache", "pack-1.0");
    const late = await pip(`mkdir ${into}; touch ${into}/theirs; ${copy()}`);
    await fetchWheel(await options({ pip: late }));
    assert.deepEqual([...Deno.readDirSync(into)].map(({ name }) => name), ["theirs"]);
    assert.deepEqual(cached(), [".pack-1.0.lock", "pack-1.0"]);
  });

  it("removes what a killed process left", async () => {
    await Deno.mkdir(join(folder, "cache", ".pack-1.0.part-dead", "content"), { recursive: true });
    await fetchWheel(await options());
    assert.deepEqual(cached(), [".pack-1.0.lock", "pack-1.0"]);
  });

  it("says how far the download is while it lasts", async () => {
    const slow = await pip(`head -c 1500000 /dev/zero > "$TMPDIR/part"; sleep 0.3; ${copy()}`);
    await fetchWheel(await options({ pip: slow, wheelBytes: 3_000_000, progressMs: 100 }));
    assert.equal(lines[0], "pack 1.0: downloading with pip (3.0 MB)");
    assert.equal(lines[1], "pack 1.0: downloaded 1.5 of 3.0 MB");
  });

  it("does not count twice what pip copies to its place", async () => {
    const slow = await pip(
      `head -c 1500000 /dev/zero > "$TMPDIR/part"; cp "$TMPDIR/part" "$TMPDIR/../download/part"; sleep 0.3; ${copy()}`,
    );
    await fetchWheel(await options({ pip: slow, wheelBytes: 3_000_000, progressMs: 100 }));
    assert.equal(lines[1], "pack 1.0: downloaded 1.5 of 3.0 MB");
  });

  const failures: { name: string; body: () => string; changes?: Partial<WheelOptions>; message: RegExp }[] = [
    {
      name: "another file than the pinned one",
      body: () => `echo wrong > "$target/pack-1.0-py3-none-any.whl"`,
      message:
        /Do not use this download: pack 1\.0 should have sha256 [0-9a-f]{64}, the file has [0-9a-f]{64}/,
    },
    {
      name: "a hash that pip refuses",
      body: () =>
        `echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE." >&2; exit 1`,
      message: /Do not use this download: pack 1\.0 does not have sha256/,
    },
    {
      name: "no network",
      body: () =>
        `echo "WARNING: Retrying after connection broken" >&2; echo "ERROR: No matching one" >&2; exit 1`,
      message: /Check the network.*pip said "ERROR: No matching one"/,
    },
    {
      name: "an index without the wheel",
      body: () => `echo "ERROR: No matching one" >&2; echo "hint" >&2; exit 1`,
      message: /Check that pip's index has it for manylinux_2_27_x86_64: .*pip said "ERROR: No matching one"/,
    },
    { name: "a pip that brings nothing", body: () => "true", message: /left no wheel of pack 1\.0/ },
    {
      name: "no member that is wanted",
      body: copy,
      changes: { members: () => undefined },
      message: /has none of those wanted/,
    },
    {
      name: "a target outside the folder",
      body: copy,
      changes: { members: () => "../../elsewhere" },
      message: /points out of it/,
    },
  ];
  for (const { name, body, changes, message } of failures) {
    it(`throws ConfigError for ${name}, and caches nothing`, async () => {
      const fetching = fetchWheel(await options({ pip: await pip(body()), ...changes }));
      await assert.rejects(fetching, (error) => {
        assert.ok(error instanceof ConfigError, String(error));
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual(cached(), [".pack-1.0.lock"]);
    });
  }

  it("throws ConfigError when there is no pip", async () => {
    const fetching = fetchWheel(await options({ pip: [join(folder, "no-such-pip")] }));
    await assert.rejects(fetching, /Install pip to fetch libraries: none of ".*no-such-pip" runs/);
  });

  it("throws WriteError naming the folder when that cannot be written", async () => {
    await Deno.writeTextFile(join(folder, "file"), "");
    const fetching = fetchWheel(await options({ into: join(folder, "file", "pack-1.0") }));
    await assert.rejects(fetching, WriteError);
  });
});
