// Runs in memory for tests of the status app: records are given, and more can be told later.
import { createStatusApp, type StatusAppOptions } from "../../../src/status/app.ts";
import type { RunRecord } from "../../../src/status/run_record.ts";
import type { RunSource } from "../../../src/status/run_source.ts";

export class MemorySource implements RunSource {
  readonly runs: Map<string, RunRecord[]>;
  /** What `records` throws for a run, instead of an answer. */
  readonly failures = new Map<string, Error>();
  readonly followers = new Set<() => void>();
  /** Runs that nobody writes. */
  readonly abandoned = new Set<string>();

  constructor(runs: Record<string, readonly RunRecord[]>) {
    this.runs = new Map(Object.entries(runs).map(([name, records]) => [name, [...records]]));
  }

  names(): Promise<string[]> {
    return Promise.resolve([...this.runs.keys(), ...this.failures.keys()]);
  }

  records(name: string): Promise<readonly RunRecord[] | undefined> {
    const failure = this.failures.get(name);
    return failure === undefined ? Promise.resolve(this.runs.get(name)) : Promise.reject(failure);
  }

  hasWriter(name: string): Promise<boolean> {
    return Promise.resolve(!this.abandoned.has(name));
  }

  resumeCommand(name: string): string {
    return `deno task irl --resume ${name}`;
  }

  follow(_name: string, onChange: () => void): () => void {
    this.followers.add(onChange);
    return () => this.followers.delete(onChange);
  }

  append(name: string, record: RunRecord): void {
    this.runs.get(name)?.push(record);
    for (const onChange of this.followers) onChange();
  }
}

/** An app on loopback over the source, with what it reported. */
export function testApp(source: RunSource, options: Partial<StatusAppOptions> = {}) {
  const errors: unknown[] = [];
  const app = createStatusApp({
    source,
    access: { kind: "loopback" },
    outcome: () => "ab".repeat(32),
    onError: (error) => errors.push(error),
    signal: new AbortController().signal,
    ...options,
  });
  return { app, errors };
}
