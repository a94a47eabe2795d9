// An event log in memory, for tests and oracles: same contract as the file, nothing is kept after the process.
import { WriteError } from "../base/errors.ts";
import type { EventLog, LogRecord, NewRecord, OpenedLog } from "./event_log.ts";
import { LogChain } from "./log_chain.ts";
import { checkRunName } from "./run_name.ts";

/** `records` is what the log holds already. */
export function openMemoryLog(run: string, records: readonly LogRecord[] = []): OpenedLog {
  return { log: new MemoryLog(checkRunName(run), records), records, repairedBytes: 0 };
}

class MemoryLog implements EventLog {
  readonly #chain: LogChain;
  #open = true;

  constructor(run: string, records: readonly LogRecord[]) {
    this.#chain = new LogChain(run, records);
  }

  get run(): string {
    return this.#chain.run;
  }
  get sequence(): number {
    return this.#chain.sequence;
  }
  get head(): string {
    return this.#chain.head;
  }

  append(records: readonly NewRecord[], expectedSequence: number): readonly LogRecord[] {
    if (!this.#open) throw new WriteError(`Open run "${this.run}" again: its log is closed`);
    const prepared = this.#chain.prepare(records, expectedSequence);
    this.#chain.adopt(prepared.records);
    return prepared.records;
  }

  close(): void {
    this.#open = false;
  }
}
