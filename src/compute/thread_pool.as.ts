// One kernel at a time on all threads, in AssemblyScript: the calling thread cuts it into chunks, and whoever is free takes
// the next one. Which thread computes a chunk changes no number, so results do not depend on how many there are.
import { at, fillTable, TABLE_FLOATS } from "./vector_math.as";

// Words of the job, which lies in the shared memory (bytes). The ticket is its generation in the upper half and the next
// chunk in the lower: taking a chunk by compare-and-exchange fails for a thread that looked at an earlier job.
const TICKET: usize = 0;
const NUM_DONE: usize = 8;
const WAKE: usize = 12;
const QUIT: usize = 16;
const KIND: usize = 20;
const COUNT: usize = 24;
const GRAIN: usize = 28;
const NUM_CHUNKS: usize = 32;
const ARGUMENTS: usize = 64;
const JOB_BYTES: i32 = 256;

// Looks at the memory before a thread sleeps; about 30 µs, longer than most gaps between kernels.
const SPINS: i32 = 40_000;

// Milliseconds that a job may wait for another thread beyond two chunks, and how many jobs run alone after a longer wait.
const PATIENCE: f64 = 0.2;
const LEAST_ALONE: i32 = 64;
const MOST_ALONE: i32 = 1024;

// @ts-ignore: decorator
@external("env", "now")
declare function now(): f64;

let job: usize = 0;
let generation: u64 = 0;
// This thread's own: constants of vector_math.as.ts, and space that a kernel may use until it returns.
export let table: usize = 0;
export let scratch: usize = 0;

/** Bytes of the job; all zero when the first thread starts. */
export function job_bytes(): i32 {
  return JOB_BYTES;
}

/** First call on every thread: where the job of all threads and the space of this one are. */
export function start(jobAt: usize, ownSpace: usize): void {
  job = jobAt;
  table = ownSpace;
  fillTable(table);
  scratch = at(ownSpace, TABLE_FLOATS);
}

// @ts-ignore: decorator
@inline
export function whole(index: usize): i32 {
  return load<i32>(job + ARGUMENTS + (index << 2));
}

// @ts-ignore: decorator
@inline
export function pointer(index: usize): usize {
  return load<u32>(job + ARGUMENTS + (index << 2));
}

// @ts-ignore: decorator
@inline
export function real(index: usize): f32 {
  return load<f32>(job + ARGUMENTS + (index << 2));
}

// Of the thread that starts jobs: how many still run alone, and how many the last longer wait cost.
let numAlone: i32 = 0;
let penalty: i32 = 0;
let begun: f64 = 0;

/**
 * Whether the next job should not be shared: where other programs want the processor, a thread of ours that has a chunk may be
 * off it for long, and waiting for it costs more than it does.
 */
export function runsAlone(): bool {
  if (numAlone == 0) return false;
  numAlone--;
  return true;
}

/** Starts a job of `count` items, `grain` of them to a chunk. Its arguments stand in the job already. */
export function publish(kind: i32, count: i32, grain: i32): void {
  begun = now();
  store<i32>(job + KIND, kind);
  store<i32>(job + COUNT, count);
  store<i32>(job + GRAIN, grain);
  store<i32>(job + NUM_CHUNKS, (count + grain - 1) / grain);
  atomic.store<i32>(job + NUM_DONE, 0);
  generation++;
  atomic.store<u64>(job + TICKET, generation << 32);
  atomic.add<i32>(job + WAKE, 1);
  atomic.notify(job + WAKE, -1);
}

/** The next chunk of the current job, or −1 if none is left. */
export function takeChunk(): i32 {
  let ticket = atomic.load<u64>(job + TICKET);
  while (<i32>(<u32>ticket) < load<i32>(job + NUM_CHUNKS)) {
    const found = atomic.cmpxchg<u64>(job + TICKET, ticket, ticket + 1);
    if (found == ticket) return <i32>(<u32>ticket);
    ticket = found;
  }
  return -1;
}

// What a taken chunk is: valid until it is finished.
export function kindOfJob(): i32 {
  return load<i32>(job + KIND);
}
export function firstItem(chunk: i32): i32 {
  return chunk * load<i32>(job + GRAIN);
}
export function endItem(chunk: i32): i32 {
  return min((chunk + 1) * load<i32>(job + GRAIN), load<i32>(job + COUNT));
}

export function finishChunk(): void {
  atomic.add<i32>(job + NUM_DONE, 1);
  atomic.notify(job + NUM_DONE, 1);
}

/** Until every chunk of the job is finished, of which this thread did `own`. */
export function waitForAll(own: i32): void {
  const from = now();
  waitUntilDone(load<i32>(job + NUM_CHUNKS));
  if (own == 0) return;
  if (now() - from > 2 * (from - begun) / <f64>own + PATIENCE) {
    penalty = min(max(2 * penalty, LEAST_ALONE), MOST_ALONE);
    numAlone = penalty;
  } else penalty >>= 1;
}

function waitUntilDone(wanted: i32): void {
  for (let spins = SPINS;;) {
    const done = atomic.load<i32>(job + NUM_DONE);
    if (done == wanted) return;
    if (spins > 0) spins--;
    else atomic.wait<i32>(job + NUM_DONE, done, -1);
  }
}

/** How often a job was started; a helping thread passes it to `waitForJob`. */
export function numStarted(): i32 {
  return atomic.load<i32>(job + WAKE);
}

/** Until another job starts; false when the threads are to end. */
export function waitForJob(seen: i32): bool {
  let spins = SPINS;
  while (spins > 0 && atomic.load<i32>(job + WAKE) == seen) spins--;
  if (spins == 0) atomic.wait<i32>(job + WAKE, seen, -1);
  return atomic.load<i32>(job + QUIT) == 0;
}

/** Sends the helping threads home. */
export function quit(): void {
  atomic.store<i32>(job + QUIT, 1);
  atomic.add<i32>(job + WAKE, 1);
  atomic.notify(job + WAKE, -1);
}
