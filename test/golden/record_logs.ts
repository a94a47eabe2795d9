// Writes the golden logs of this version: runs with simulated actors (test/actors/simulated_run.ts) and fixed times.
// A recorded log is never written again: a later version adds its own files, and all of them must stay readable.
import { RUN_EVENTS, RunConfig } from "../../events/mod.ts";
import { outstanding } from "../../actors/irl_coordinator.ts";
import { PRESETS } from "../../src/irl/presets.ts";
import { emptyHead, encodeRecord } from "../../src/store/log_codec.ts";
import {
  answerTo,
  failureOf,
  type Journal,
  openingEvents,
  openJournal,
  pauseOf,
  resumeOf,
  type SimulatedSize,
  timeOutOf,
  undisturbedRun,
} from "../actors/simulated_run.ts";

const FOLDER = new URL("./logs/", import.meta.url);

/** A run in which everything goes wrong that can: it fails once, pauses, crashes, and ends well. */
export function eventfulRun(size: SimulatedSize): Journal {
  const journal = openJournal(size);
  const next = () => outstanding(journal.state)[0];
  for (const event of openingEvents(size)) journal.append(event);
  journal.append(failureOf(journal.state, next(), "The actor's process ended with signal SIGKILL"));
  journal.append(answerTo(next()));
  journal.append(pauseOf(journal.state));
  journal.append(resumeOf(journal.state));
  journal.append(timeOutOf(journal.state, next()));
  journal.append(failureOf(journal.state, next(), "The loss of training step 12 is NaN"));
  journal.append(resumeOf(journal.state));
  for (let count = 0; next() !== undefined; count++) {
    if (count % 5 === 0) journal.append(resumeOf(journal.state));
    journal.append(answerTo(outstanding(journal.state).at(-1) ?? next()));
  }
  return journal;
}

function linesOf(journal: Journal): string {
  let place = { run: journal.run, sequence: 0, head: emptyHead };
  return journal.records.map((newRecord) => {
    const { line, record } = encodeRecord(newRecord, place);
    place = { run: journal.run, sequence: record.seq, head: record.hash };
    return new TextDecoder().decode(line);
  }).join("");
}

/** The first event of each type, in the registry's order. */
function oneOfEach(journal: Journal): string {
  return Object.keys(RUN_EVENTS).map((type) => {
    const event = journal.events.find((event) => event.type === type);
    return `${JSON.stringify(event)}\n`;
  }).join("");
}

if (import.meta.main) {
  const eventful = eventfulRun({ run: "eventful", iterations: 1, shards: 2, maxAttempts: 2 });
  const tiny = undisturbedRun({ run: "tiny", config: RunConfig.parse(PRESETS.tiny) });
  const files = {
    "tiny_v1.jsonl": linesOf(tiny),
    "eventful_v1.jsonl": linesOf(eventful),
    "every_event.jsonl": oneOfEach(eventful),
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(new URL(name, FOLDER), text, { createNew: true });
  }
}
