// Reading zip archives: each form that wheels use, and damage of each kind.
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { extractZipMember, readZipMembers } from "../../../scripts/fetch/zip_archive.ts";
import { SchemaError } from "../../../src/base/errors.ts";
import { type ZipEntry, zipOf } from "./zip_writer.ts";

const text = (words: string) => new TextEncoder().encode(words);

describe("zip archive", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await Deno.makeTempDir({ prefix: "zip-test-" });
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  async function write(bytes: Uint8Array): Promise<string> {
    const path = join(folder, "archive.zip");
    await Deno.writeFile(path, bytes);
    return path;
  }

  async function extractAll(entries: ZipEntry[], options?: Parameters<typeof zipOf>[1]) {
    const archive = await write(zipOf(entries, options));
    const members = await readZipMembers(archive);
    for (const [place, member] of members.entries()) {
      const to = join(folder, String(place));
      await extractZipMember(archive, member, { to });
      assert.deepEqual(await Deno.readFile(to), entries.find(({ path }) => path === member.path)?.data);
    }
    return members;
  }

  it("readZipMembers() and extractZipMember() return every file as it was packed", async () => {
    const random = crypto.getRandomValues(new Uint8Array(65_536));
    const members = await extractAll([
      { path: "a/deflated.txt", data: text("again ".repeat(200_000)) },
      { path: "a/stored.bin", data: random, stored: true },
      { path: "ä/unpackable.bin", data: random },
      { path: "empty", data: new Uint8Array() },
      { path: "empty-stored", data: new Uint8Array(), stored: true },
      { path: "bin/tool", data: text("#!"), executable: true },
    ]);
    assert.deepEqual(members.map(({ path, executable }) => [path, executable]), [
      ["a/deflated.txt", false],
      ["a/stored.bin", false],
      ["ä/unpackable.bin", false],
      ["empty", false],
      ["empty-stored", false],
      ["bin/tool", true],
    ]);
    assert.equal((Deno.statSync(join(folder, "5")).mode ?? 0) & 0o777, 0o755);
  });

  it("readZipMembers() knows zip64 sizes and directories, and finds the end behind a comment", async () => {
    const entries = [{ path: "one", data: text("1"), zip64: true }, {
      path: "two",
      data: text("22"),
      zip64: true,
    }];
    await extractAll(entries, { zip64End: true, comment: "PK".repeat(1000) });
    await Deno.remove(join(folder, "0"));
    await Deno.remove(join(folder, "1"));
    await extractAll(entries, { comment: "x" });
  });

  it("readZipMembers() leaves folders out", async () => {
    const archive = await write(
      zipOf([{ path: "folder/", data: new Uint8Array() }, { path: "file", data: text("x") }]),
    );
    assert.deepEqual((await readZipMembers(archive)).map(({ path }) => path), ["file"]);
  });

  it("extractZipMember() counts the bytes it writes", async () => {
    const archive = await write(zipOf([{ path: "big", data: new Uint8Array(1_000_000) }]));
    const [member] = await readZipMembers(archive);
    assert.ok(member);
    let bytes = 0;
    await extractZipMember(archive, member, {
      to: join(folder, "big"),
      onBytes: (written) => bytes += written,
    });
    assert.equal(bytes, 1_000_000);
  });

  it("throws SchemaError naming the file for a wrong checksum and for an archive that is cut at any place", async () => {
    const lying = await write(zipOf([{ path: "one", data: text("1"), crc32: 1 }]));
    const [member] = await readZipMembers(lying);
    assert.ok(member);
    await assert.rejects(
      extractZipMember(lying, member, { to: join(folder, "one") }),
      /archive\.zip.*checksum/,
    );
    const whole = zipOf([{ path: "one", data: text("one".repeat(50)) }, { path: "two", data: text("two") }]);
    for (let length = 0; length < whole.length; length += 7) {
      const cut = await write(whole.slice(0, length));
      await assert.rejects(readZipMembers(cut), SchemaError, `cut after ${length} bytes`);
    }
  });

  it("throws SchemaError for a compression method it does not know", async () => {
    const archive = await write(zipOf([{ path: "one", data: text("1") }]));
    const [member] = await readZipMembers(archive);
    assert.ok(member);
    const odd = extractZipMember(archive, { ...member, method: 14 }, { to: join(folder, "one") });
    await assert.rejects(odd, /unknown compression method 14/);
  });
});
