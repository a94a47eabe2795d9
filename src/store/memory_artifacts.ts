// Artifacts in memory, for tests and oracles: same contract as the files.
import { DamageError } from "../base/errors.ts";
import type { ArtifactStore, Digest } from "../base/ports.ts";
import { artifactDigest, digestHex } from "./artifact_digest.ts";

export function memoryArtifacts(): ArtifactStore {
  const contents = new Map<Digest, Uint8Array>();
  return {
    put(bytes) {
      const digest = artifactDigest(bytes);
      if (!contents.has(digest)) contents.set(digest, bytes.slice());
      return Promise.resolve(digest);
    },
    // deno-lint-ignore require-await -- async, so that a wrong digest rejects as in the other store
    async get(digest) {
      digestHex(digest);
      const bytes = contents.get(digest);
      if (bytes === undefined) {
        throw new DamageError("Put the artifact first: it is missing", { file: digest });
      }
      return bytes.slice();
    },
    // deno-lint-ignore require-await -- as above
    async has(digest) {
      digestHex(digest);
      return contents.has(digest);
    },
  };
}
