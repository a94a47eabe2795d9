// The contract of every artifact store: one suite, run by each implementation.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { sha256 } from "../../../src/base/canonical.ts";
import { DamageError } from "../../../src/base/errors.ts";
import type { ArtifactStore } from "../../../src/base/ports.ts";

export function artifactStoreContract(
  name: string,
  withStore: (body: (store: ArtifactStore) => Promise<void>) => Promise<void>,
): void {
  describe(`artifact store contract: ${name}`, () => {
    it("put() names bytes by their sha256 and get() returns them", () =>
      withStore(async (store) => {
        for (const bytes of [new Uint8Array(), Uint8Array.of(1, 2, 3), new Uint8Array(300_000).fill(7)]) {
          const digest = await store.put(bytes);
          assert.equal(digest, `sha256:${sha256(bytes)}`);
          assert.deepEqual(await store.get(digest), bytes);
          assert.equal(await store.has(digest), true);
        }
      }));

    it("put() takes a view of a larger buffer as its own bytes", () =>
      withStore(async (store) => {
        const digest = await store.put(Uint8Array.of(9, 1, 2, 9).subarray(1, 3));
        assert.deepEqual(await store.get(digest), Uint8Array.of(1, 2));
      }));

    it("put() of the same content again, one after the other or at once, gives the same name", () =>
      withStore(async (store) => {
        const bytes = new Uint8Array(1000).fill(1);
        const digests = [
          await store.put(bytes),
          ...await Promise.all([1, 2, 3, 4].map(() => store.put(bytes))),
        ];
        assert.equal(new Set(digests).size, 1);
        assert.deepEqual(await store.get(digests[0]), bytes);
      }));

    it("put() keeps its own copy", () =>
      withStore(async (store) => {
        const bytes = Uint8Array.of(1, 2);
        const digest = await store.put(bytes);
        bytes[0] = 9;
        assert.deepEqual(await store.get(digest), Uint8Array.of(1, 2));
      }));

    it("get() returns bytes that the caller may change", () =>
      withStore(async (store) => {
        const digest = await store.put(Uint8Array.of(1, 2));
        (await store.get(digest))[0] = 9;
        assert.deepEqual(await store.get(digest), Uint8Array.of(1, 2));
      }));

    it("get() of what is not there is a DamageError, has() is false", () =>
      withStore(async (store) => {
        const digest = `sha256:${"0".repeat(64)}`;
        assert.equal(await store.has(digest), false);
        await assert.rejects(store.get(digest), (error) =>
          error instanceof DamageError && /missing/.test(error.message));
      }));

    it("get() and has() take nothing but a digest, so none reaches a path", () =>
      withStore(async (store) => {
        const hex = "0".repeat(64);
        for (
          const wrong of [
            "",
            hex,
            `sha256:${hex}0`,
            `sha256:../${hex.slice(3)}`,
            `md5:${hex}`,
            `sha256:${hex}\n`,
          ]
        ) {
          await assert.rejects(store.get(wrong), TypeError, wrong);
          await assert.rejects(store.has(wrong), TypeError, wrong);
        }
        await assert.rejects(store.get(`sha256:${"A".repeat(64)}`), TypeError);
      }));
  });
}
