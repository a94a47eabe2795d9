// Ports that several layers share: where bytes live and where progress goes. Implementations: src/store, scripts.

/** "sha256:" and 64 lower-case hex digits. */
export type Digest = string;

/** Content-addressed bytes. `get` verifies what it reads and throws DamageError when it does not match its name. */
export interface ArtifactStore {
  put(bytes: Uint8Array): Promise<Digest>;
  get(digest: Digest): Promise<Uint8Array>;
  has(digest: Digest): Promise<boolean>;
}

/** Where a long step is; lossy, decides nothing. `metrics` are curves (loss, reward, kl …). */
export interface Progress {
  done: number;
  total: number;
  unit: "steps" | "rows";
  metrics?: Record<string, number>;
}
