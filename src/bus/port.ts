// The bus port: how the coordinator's commands reach the actors and their results come back. Three transports implement it.
// At least once, one command at a time per worker. Messages are parsed JSON; what they mean is checked by the caller.

export const ROLES = ["generator", "reward-learner", "policy-optimizer", "evaluator"] as const;
export type Role = typeof ROLES[number];

/** `id` and `attempt` name the work; the rest is the caller's. At most `MAX_MESSAGE_BYTES` as canonical JSON. */
export interface BusCommand {
  id: string;
  attempt: number;
  role: Role;
  [key: string]: unknown;
}

/** The answer to the command with the same `id` and `attempt`. */
export interface BusResult {
  id: string;
  attempt: number;
  [key: string]: unknown;
}

/** A sign of life and where the work is: lossy telemetry that decides nothing durable. */
export interface Beat {
  role: Role;
  pid: number;
  /** Id of the command in work. */
  command?: string;
  attempt?: number;
  done?: number;
  total?: number;
  unit?: string;
  metrics?: Record<string, number>;
}

/** A message that nobody could use, taken out of its queue so that it does not come again. */
export interface DeadLetter {
  from: "commands" | "results";
  reason: string;
  /** The first characters of the message. */
  text: string;
}

export interface ResultDelivery {
  result: unknown;
  /** Call it after the result is in the log; an unacknowledged result comes again when `results` is read anew. */
  ack(): Promise<void>;
  /** Takes an unusable result out of the queue as a dead letter. */
  reject(reason: string): Promise<void>;
}

export interface CommandDelivery {
  command: unknown;
  /** Tells the bus at once that the work goes on. Optional: the bus does so by itself while the command is open. */
  working(): void;
  /** Call it after `report`. Resolves also when the queue has forgotten the command. */
  ack(): Promise<void>;
  /** Takes an unusable command out of the queue as a dead letter. */
  reject(reason: string): Promise<void>;
}

export interface CoordinatorBus {
  readonly kind: "memory" | "pipe" | "nats";
  /**
   * Makes the role's queue hold exactly these commands. Those that it holds already, in work or not, stay as they are;
   * others are dropped; missing ones are added, even if they were published before.
   */
  replace(role: Role, commands: readonly BusCommand[]): Promise<void>;
  /** Adds commands to their roles' queues; one that this bus object has published already (id and attempt) is skipped. */
  publish(commands: readonly BusCommand[]): Promise<void>;
  /** Results in order of arrival, those not yet acknowledged first. One reader at a time. Ends on abort or close. */
  results(signal: AbortSignal): AsyncIterable<ResultDelivery>;
  onBeat(listener: (beat: Beat) => void): void;
  onDeadLetter(listener: (letter: DeadLetter) => void): void;
  /** The transport lost its queues: answer with `replace` of everything outstanding. Only NATS ever calls it. */
  onTopologyLost(listener: () => void): void;
  /** Finishes what is being written and lets go; later calls fail with BusError. */
  close(): Promise<void>;
}

export interface ActorBus {
  /** The next command of this role, or undefined after abort or when the bus has ended. One at a time: ack first. */
  next(signal: AbortSignal): Promise<CommandDelivery | undefined>;
  /** Resolves when the bus holds the result, so that the command can be acknowledged. */
  report(result: BusResult): Promise<void>;
  /** Fire and forget; dropped when the bus is busy or away. */
  beat(beat: Beat): void;
  /** A command still open goes back to its queue. */
  close(): Promise<void>;
}
