// Child of read_weights_slow_test.ts: reads a folder's weights and prints by how much that raised its peak memory.
// `deno run -A read_weights_child.ts FOLDER SHAPE`
import type { ModelShape } from "../../../src/model/model_shape.ts";
import { readWeights } from "../../../src/model/read_weights.ts";
import { folderFiles } from "../../../src/store/folder_files.ts";

/** Bytes, from Linux. */
function peakMemory(): number {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]);
}

const [folder, shape] = Deno.args, model: ModelShape = JSON.parse(shape), before = peakMemory();
const flat = await readWeights(model, folderFiles(folder));
console.log(JSON.stringify({ grown: peakMemory() - before, bytes: flat.byteLength, last: flat.at(-1) }));
