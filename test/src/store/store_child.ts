// A process that writes as fast as it can, prints what was acknowledged, and is meant to be killed.
// Usage: store_child.ts append|fill|put|hold <folder>
import { WriteError } from "../../../src/base/errors.ts";
import { openFileArtifacts } from "../../../src/store/file_artifacts.ts";
import { openFileLog } from "../../../src/store/file_log.ts";
import { sampleRecord } from "./store_fixtures.ts";

const [mode, folder] = Deno.args;
switch (mode) {
  case "append": // batches of one to three records without end
    appendWithoutEnd();
    break;
  case "fill": // until the disk is full
    fill();
    break;
  case "put": // artifacts without end
    await putWithoutEnd();
    break;
  case "hold": { // the lock
    const { log } = openFileLog(folder, "r");
    console.log("holding");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    log.close();
    break;
  }
  default:
    throw new Error(`unknown mode ${mode}`);
}

function appendWithoutEnd(): void {
  const { log } = openFileLog(folder, "r");
  for (;;) {
    const next = log.sequence;
    log.append(Array.from({ length: 1 + next % 3 }, (_, i) => sampleRecord(next + i)), next);
    console.log(log.sequence);
  }
}

function fill(): void {
  const { log } = openFileLog(folder, "r");
  try {
    for (;;) log.append([sampleRecord(log.sequence)], log.sequence);
  } catch (error) {
    if (!(error instanceof WriteError)) throw error;
    console.log(JSON.stringify({ acknowledged: log.sequence, message: error.message }));
  }
}

async function putWithoutEnd(): Promise<void> {
  const artifacts = openFileArtifacts(folder);
  for (;;) {
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    console.log(await artifacts.put(bytes));
  }
}
