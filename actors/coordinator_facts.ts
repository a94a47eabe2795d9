// Which event fits what the coordinator remembers, and what it remembers afterwards. Pure; the statechart says where it goes.
// An event fits only under the id that the fold expects, so duplicates, late and foreign ones never fit.
import { EVENT_OF_COMMAND, type EventData, eventId, type RunEvent } from "../events/mod.ts";
import { openCommands } from "./coordinator_commands.ts";
import { afterFailures, isPending } from "./coordinator_consequences.ts";
import {
  type Context,
  freshWork,
  type Incident,
  known,
  nextIncidentId,
  type Trouble,
} from "./coordinator_context.ts";

/** An event as the fold takes it: with the run that it belongs to. */
export type CoordinatorEvent = RunEvent & { run: string };
type Of<Type extends RunEvent["type"]> = Extract<CoordinatorEvent, { type: Type }>;

type ChunkEvent = Of<"SupervisedTuned" | "RewardLearned" | "PolicyOptimised">;
type ResultEvent = ChunkEvent | Of<"GenerationsSampled" | "PolicyEvaluated">;
type FailureEvent = Of<"StepFailed" | "StepTimedOut">;

/** What a command and the event of its success share. */
const SHARED_FIELDS = ["iteration", "shard", "chunk", "key", "fromStep", "toStep", "numSteps"];

export function startsRun(event: Of<"RunStarted">): boolean {
  return event.id === eventId(event.run, { iteration: 0, step: "start", shard: 0, chunk: 0 });
}

export function loadsRun(context: Context, event: Of<"DemonstrationsLoaded">): boolean {
  return event.id === eventId(context.run, { iteration: 0, step: "load", shard: 0, chunk: 0 });
}

/** Whether the event is the success of an open command, whichever attempt brought it. */
export function answers(context: Context, event: ResultEvent): boolean {
  const command = openCommands(context).find((open) => open.id === event.id);
  if (command === undefined || EVENT_OF_COMMAND[command.type] !== event.type) return false;
  const asked = new Map<string, unknown>(Object.entries(command));
  return Object.entries(event.data).every(([name, value]) =>
    !SHARED_FIELDS.includes(name) || asked.get(name) === value
  );
}

export function answersLastChunk(context: Context, event: ChunkEvent): boolean {
  return event.data.toStep === event.data.numSteps && answers(context, event);
}

export function answersLastShard(context: Context, event: Of<"GenerationsSampled">): boolean {
  return openCommands(context).length === 1 && answers(context, event);
}

/** Whether the newest attempt of an open command failed, and for the first time. */
export function failsAttempt(context: Context, event: FailureEvent): boolean {
  if (event.id !== nextIncidentId(context, "failure")) return false;
  const command = openCommands(context).find((open) => open.id === commandId(context, event.data));
  return command !== undefined && command.attempt === event.data.attempt &&
    troubleOf(context, command.id).cause === null;
}

export function retries(context: Context, event: Of<"StepRetried">): boolean {
  return afterFailures(context).some((pending) => isPending(pending, event));
}

export function isNextIncident(context: Context, kind: Incident, event: CoordinatorEvent): boolean {
  return event.id === nextIncidentId(context, kind);
}

export function afterStart(context: Context, { run, data }: Of<"RunStarted">): Context {
  return { ...context, run, started: data };
}

export function afterLoading(context: Context, loaded: EventData<"DemonstrationsLoaded">): Context {
  return { ...context, loaded, work: freshWork("sft") };
}

/** Whether the run starts from a policy that is tuned already. */
export function loadsTuned(context: Context, event: Of<"DemonstrationsLoaded">): boolean {
  return loadsRun(context, event) && known(context.started, "started").config.model.start === "tuned";
}

export function afterLoadingTuned(context: Context, loaded: EventData<"DemonstrationsLoaded">): Context {
  const policy = known(loaded.base, "base");
  return { ...context, loaded, supervised: policy, policy, work: freshWork("evaluate") };
}

export function afterChunk(context: Context, { state }: ChunkEvent["data"]): Context {
  const work = known(context.work, "work");
  return { ...context, work: { ...work, chunksDone: work.chunksDone + 1, state } };
}

export function afterTuning(context: Context, { policy }: EventData<"SupervisedTuned">): Context {
  return { ...context, supervised: policy, policy, work: freshWork("evaluate") };
}

export function afterShard(context: Context, data: EventData<"GenerationsSampled">): Context {
  return { ...context, generations: context.generations.with(data.shard, data.generations) };
}

export function afterLastShard(context: Context, data: EventData<"GenerationsSampled">): Context {
  return { ...afterShard(context, data), work: freshWork("reward") };
}

export function afterLearning(context: Context, { result }: EventData<"RewardLearned">): Context {
  const { raw, reward } = known(result, "result");
  return { ...context, reward: { raw, reward }, work: freshWork("policy") };
}

export function afterOptimising(context: Context, { policy }: EventData<"PolicyOptimised">): Context {
  return { ...context, policy, work: freshWork("evaluate") };
}

export function isLastIteration(context: Context): boolean {
  return context.iteration >= known(context.started, "started").config.iterations;
}

export function afterIteration(context: Context): Context {
  const { shards } = known(context.started, "started").config.generation;
  const generations = new Array<null>(shards).fill(null);
  return { ...context, iteration: context.iteration + 1, generations, work: freshWork("generate") };
}

/** Failures that another attempt of the same pure work would only repeat. */
const REPEATABLE: ReadonlySet<string> = new Set(["refused-input", "non-finite", "artifact-damaged"]);

/**
 * Puts the command aside: it is open but not outstanding until another attempt is decided. A failure that would only
 * repeat itself counts as all attempts at once: the run fails there, resumable.
 */
export function afterFailure(context: Context, event: FailureEvent): Context {
  const id = commandId(context, event.data);
  const { attempt, failures: before } = troubleOf(context, id);
  const { maxAttempts } = known(context.started, "started").config.supervision;
  const isHopeless = event.type === "StepFailed" && REPEATABLE.has(event.data.reason);
  const failures = isHopeless ? Math.max(maxAttempts, before + 1) : before + 1;
  const cause = event.type === "StepFailed" ? event.data.message : `No progress for ${event.data.stallMs} ms`;
  return counted(withTrouble(context, id, { attempt, failures, cause }), "failure");
}

export function afterRetry(context: Context, { attempt, ...place }: EventData<"StepRetried">): Context {
  const id = commandId(context, place);
  const { failures } = troubleOf(context, id);
  return counted(withTrouble(context, id, { attempt, failures, cause: null }), "retry");
}

/** Failures are counted anew, and what was put aside is outstanding again, as another attempt. */
export function afterResume(context: Context): Context {
  const { work } = context;
  if (work === null) return counted(context, "resume");
  const troubles = Object.fromEntries(
    Object.entries(work.troubles).map(([id, { attempt, cause }]): [string, Trouble] => [
      id,
      { attempt: cause === null ? attempt : attempt + 1, failures: 0, cause: null },
    ]),
  );
  return counted({ ...context, work: { ...work, troubles } }, "resume");
}

export function counted(context: Context, kind: Incident): Context {
  return { ...context, incidents: { ...context.incidents, [kind]: context.incidents[kind] + 1 } };
}

function commandId(
  context: Context,
  { iteration, step, shard, chunk }: Omit<EventData<"StepRetried">, "v" | "attempt">,
): string {
  return eventId(context.run, { iteration, step, shard, chunk });
}

function troubleOf(context: Context, id: string): Trouble {
  return context.work?.troubles[id] ?? { attempt: 1, failures: 0, cause: null };
}

function withTrouble(context: Context, id: string, trouble: Trouble): Context {
  const work = known(context.work, "work");
  return { ...context, work: { ...work, troubles: { ...work.troubles, [id]: trouble } } };
}
