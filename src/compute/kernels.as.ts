// All kernels of the wasm tier in one module, in AssemblyScript, on a memory shared by threads: which job is which number,
// and the loop of a helping thread. The arguments of a job are described at its function.
import { attentionGradientItems, attentionItems } from "./attention.as";
import { adamWItems, erfItems, geluGradientItems, geluItems, squareItems } from "./elementwise.as";
import { productItems, productScratch } from "./gemm.as";
import { addPartials, normGradientItems, normItems, sumItems } from "./layer_norm.as";
import { joinItems, placeItems, splitItems, swapItems } from "./split_heads.as";
import {
  endItem, finishChunk, firstItem, job_bytes, kindOfJob, numStarted, publish, quit, runsAlone, start, takeChunk, waitForAll,
  waitForJob,
} from "./thread_pool.as";
import { drawItems, logProbabilityGradientItems, logProbabilityItems } from "./token_rows.as";
import { madd, TABLE_FLOATS } from "./vector_math.as";

export { addPartials, job_bytes, quit, start };

function runItems(kind: i32, begin: i32, end: i32): void {
  switch (kind) {
    case 0: return productItems(begin, end);
    case 1: return normItems(begin, end);
    case 2: return normGradientItems(begin, end);
    case 3: return sumItems(begin, end);
    case 4: return erfItems(begin, end);
    case 5: return geluItems(begin, end);
    case 6: return geluGradientItems(begin, end);
    case 7: return squareItems(begin, end);
    case 8: return adamWItems(begin, end);
    case 9: return logProbabilityItems(begin, end);
    case 10: return logProbabilityGradientItems(begin, end);
    case 11: return drawItems(begin, end);
    case 12: return attentionItems(begin, end);
    case 13: return attentionGradientItems(begin, end);
    case 14: return splitItems(begin, end);
    case 15: return joinItems(begin, end);
    case 16: return swapItems(begin, end);
    case 17: return placeItems(begin, end);
  }
}

/** Runs `count` items of a job whose arguments stand in the job; `grain` of them to a chunk. Returns when all is done. */
export function run(kind: i32, count: i32, grain: i32): void {
  if (count <= grain || runsAlone()) return runItems(kind, 0, count);
  publish(kind, count, grain);
  waitForAll(runChunks());
}

/** Chunks until there is none left; returns how many it were. */
function runChunks(): i32 {
  let done = 0;
  for (let chunk = takeChunk(); chunk >= 0; chunk = takeChunk()) {
    runItems(kindOfJob(), firstItem(chunk), endItem(chunk));
    finishChunk();
    done++;
  }
  return done;
}

/** A helping thread: takes part in jobs until `quit`. */
export function help(): void {
  for (let seen = numStarted();; ) {
    runChunks();
    if (!waitForJob(seen)) return;
    seen = numStarted();
  }
}

/** x² − y, by which one sees whether multiply-add rounds once or twice here. */
export function square_minus(x: f32, y: f32): f32 {
  return f32x4.extract_lane(madd(f32x4.splat(-y), f32x4.splat(x), f32x4.splat(x)), 0);
}

/** Floats of space of a thread. */
export function thread_floats(): i32 {
  return TABLE_FLOATS + productScratch();
}
