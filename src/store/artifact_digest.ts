// "sha256:" and 64 hex digits: the name of an artifact is the digest of its bytes.
import { sha256 } from "../base/canonical.ts";
import type { Digest } from "../base/ports.ts";

const pattern = /^sha256:([0-9a-f]{64})$/;

export function artifactDigest(bytes: Uint8Array): Digest {
  return `sha256:${sha256(bytes)}`;
}

/** The hex digits. Checked, because they become a path. */
export function digestHex(digest: Digest): string {
  const match = pattern.exec(digest);
  if (match === null) {
    throw new TypeError(`Give a digest "sha256:<64 hex digits>", got ${JSON.stringify(digest)}`);
  }
  return match[1];
}
