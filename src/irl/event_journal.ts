// Bookkeeping of `algorithm1.ts`: its events in order, under the ids and keys that the actor system uses too.
import {
  type EventData,
  eventId,
  type EventType,
  type Place,
  type PlaceStep,
  type RunEvent,
} from "../../events/mod.ts";
import type { Digest } from "../base/ports.ts";
import type { RandomKey } from "../base/random.ts";
import { stepKey } from "./plan_steps.ts";

/** The name that commands carry here; results do not depend on it. */
const RUN = "algorithm1";

/** `record` appends an event; `base` gives what every command of a place has. */
export function openJournal(runKey: RandomKey, tokenizer: Digest) {
  const events: RunEvent[] = [];
  const record = <Type extends EventType>(
    type: Type,
    place: Partial<Place> & { step: PlaceStep },
    data: EventData<Type>,
  ): void => {
    const id = eventId(RUN, { iteration: 0, shard: 0, chunk: 0, ...place });
    // The union's members differ in `data` by `type`; here both come from the same type parameter.
    events.push({ type, id, data } as Extract<RunEvent, { type: Type }>);
  };
  const base = (iteration: number, step: PlaceStep, shard = 0) => ({
    v: 1 as const,
    id: eventId(RUN, { iteration, step, shard, chunk: 0 }),
    run: RUN,
    iteration,
    shard,
    chunk: 0,
    attempt: 1,
    key: stepKey(runKey, iteration, step, shard),
    tokenizer,
  });
  return { events, record, base };
}
