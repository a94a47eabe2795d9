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

/** A file opened for reading at any place. */
export interface OpenFile {
  /** Bytes. */
  readonly size: number;
  /** Fills `into` with the bytes from `offset` on; SchemaError when the file ends before. */
  read(offset: number, into: Uint8Array): Promise<void>;
  close(): void;
}

/** The files of one folder, by their plain names. Implementation: src/store/folder_files.ts. */
export interface FolderFiles {
  /** For messages. */
  readonly folder: string;
  /** Undefined when there is no such file. The caller closes what it opened. */
  open(name: string): Promise<OpenFile | undefined>;
}

/** A folder that files are written into, one after the other. Implementation: src/store/folder_files.ts. */
export interface FolderWriter {
  /** A new file, or an emptied one. The caller closes it. */
  create(name: string): Promise<{ write(bytes: Uint8Array): Promise<void>; close(): void }>;
}
