// The port through which the status app sees runs; it reads, and never writes. Names are those of run folders.
import type { RunRecord } from "./run_record.ts";

export interface RunSource {
  names(): Promise<readonly string[]>;
  /**
   * Every record so far, empty before the first; undefined when there is no such run. Throws DamageError or SchemaError.
   * The same record is the same object in every answer.
   */
  records(name: string): Promise<readonly RunRecord[] | undefined>;
  /** Whether a process writes the run now. */
  hasWriter(name: string): Promise<boolean>;
  /** The command that goes on with the run. */
  resumeCommand(name: string): string;
  /** Calls back when there may be new records, until the returned function is called. */
  follow(name: string, onChange: () => void): () => void;
}
