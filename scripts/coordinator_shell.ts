// The coordinator's effects around its pure fold: parse → dry evolve → drop if nothing changes → append and sync (an event
// with its consequences in one write) → adopt → publish what became outstanding → acknowledge.
// Left out: who is alive (progress_watch.ts, the crews) and what a person sees (run_reporter.ts).
import {
  commandsDigest,
  consequences,
  type CoordinatorEvent,
  evolve,
  newCommands,
  outstanding,
  type State,
  stateName,
} from "../actors/irl_coordinator.ts";
import { actorExited, runPaused, runResumed, stepFailed, stepTimedOut } from "../actors/incident_events.ts";
import {
  type Command,
  type EventData,
  Result,
  type ResultMeta,
  type Role,
  ROLES,
  type RunEvent,
} from "../events/mod.ts";
import type { Clock } from "../src/base/clock.ts";
import type { CoordinatorBus, ResultDelivery } from "../src/bus/port.ts";
import type { EventLog, LogRecord, NewRecord } from "../src/store/event_log.ts";

/** Where a crash can fall in the loop; tests end the process there. */
export type Moment = "before-append" | "after-append" | "after-publish" | "before-ack";

export interface ShellPorts {
  log: EventLog;
  bus: CoordinatorBus;
  clock: Clock;
  /** Called once for every record, when it is durable. */
  onRecord(record: LogRecord): void;
  onMoment?(moment: Moment): void;
}

export class CoordinatorShell {
  readonly #ports: ShellPorts;
  #state: State;

  /** `state` is folded from what the log holds. */
  constructor(state: State, ports: ShellPorts) {
    this.#state = state;
    this.#ports = ports;
  }

  get state(): State {
    return this.#state;
  }

  get outstanding(): Command[] {
    return outstanding(this.#state);
  }

  /** Whether nothing more happens without a person: the run is done, paused or failed. */
  get isResting(): boolean {
    return ["done", "paused", "failed"].includes(stateName(this.#state));
  }

  /** Records the events that the fold takes, with their consequences, in one write; false when it takes none. */
  async record(events: readonly RunEvent[], meta: ResultMeta = {}): Promise<boolean> {
    const before = this.#state;
    if (!this.#append(events, meta)) return false;
    this.#ports.onMoment?.("after-append");
    await this.#ports.bus.publish(newCommands(before, this.#state));
    this.#ports.onMoment?.("after-publish");
    return true;
  }

  /** Takes results until the run rests or the signal aborts. */
  async takeResults(signal: AbortSignal): Promise<void> {
    if (this.isResting) return;
    for await (const delivery of this.#ports.bus.results(signal)) {
      await this.#take(delivery);
      if (this.isResting) return;
    }
  }

  /** Makes the queues hold exactly what is outstanding, of one role or of all. */
  async refill(roles: readonly Role[] = ROLES): Promise<void> {
    for (const role of roles) {
      await this.#ports.bus.replace(role, this.outstanding.filter((command) => command.role === role));
    }
  }

  /** Records that an attempt failed without a result: its process ended. */
  async failAttempt(command: Command, message: string): Promise<boolean> {
    return await this.record([actorExited(this.#state, command, message.slice(0, 2000))]);
  }

  /** Records that an attempt showed no progress for so long. */
  async timeOut(command: Command, stallMs: number): Promise<boolean> {
    return await this.record([stepTimedOut(this.#state, command, stallMs)]);
  }

  async pause(reason: EventData<"RunPaused">["reason"]): Promise<boolean> {
    return await this.record([runPaused(this.#state, reason)]);
  }

  async resume(software: string): Promise<boolean> {
    return await this.record([runResumed(this.#state, software)]);
  }

  async #take(delivery: ResultDelivery): Promise<void> {
    const parsed = Result.safeParse(delivery.result);
    if (!parsed.success) {
      const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
      return await delivery.reject(`not a result: ${issues.join("; ")}`);
    }
    const result = parsed.data;
    const isNewest = this.outstanding.some(({ id, attempt }) =>
      id === result.id && attempt === result.attempt
    );
    await this.record([this.#eventOf(result)], { ...result.meta, attempt: result.attempt });
    this.#ports.onMoment?.("before-ack");
    await delivery.ack();
    // An earlier attempt answered after all: the newer one that waits in the queue is not needed.
    if (!isNewest && !this.isResting) await this.refill();
  }

  /** A success is recorded under its command's id; a failure under the next id of its kind. */
  #eventOf(result: Result): RunEvent {
    if (result.type === "StepFailed") {
      return stepFailed(this.#state, result.data);
    }
    // The union's members differ in `data` by `type`, which the spread keeps together.
    const { attempt: _attempt, meta: _meta, ...event } = result;
    return event;
  }

  /** Durable and adopted on return. Synchronous, so that two callers cannot interleave. */
  #append(events: readonly RunEvent[], meta: ResultMeta): boolean {
    const { log, clock, onRecord, onMoment } = this.#ports;
    const records: NewRecord[] = [];
    let state = this.#state;
    const add = (event: RunEvent, itsMeta: ResultMeta) => {
      const tagged: CoordinatorEvent = { ...event, run: log.run };
      const next = evolve(state, tagged);
      if (next === state) return;
      state = next;
      records.push({ ...event, at: clock.iso(), meta: itsMeta, commands: commandsDigest(state) });
      const [pending] = consequences(state);
      if (pending !== undefined) add(pending, {});
    };
    for (const event of events) add(event, meta);
    if (records.length === 0) return false;
    onMoment?.("before-append");
    const appended = log.append(records, log.sequence);
    this.#state = state;
    for (const record of appended) onRecord(record);
    return true;
  }
}
