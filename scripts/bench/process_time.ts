// What the system says of a process: processor time it got, time it was ready and had to wait, and its peak memory.
// Linux only (/proc); elsewhere nothing is known, and no round is refused.

export interface ProcessTime {
  /** Seconds of all threads on a processor. */
  gotSeconds: number;
  /** Seconds that threads were ready to run and did not. */
  waitedSeconds: number;
}

/** Sums over the threads that live now; undefined where the system does not tell. */
export function processTime(pid: number): ProcessTime | undefined {
  let got = 0, waited = 0;
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
      const [ran, delayed] = readThread(`/proc/${pid}/task/${name}/schedstat`);
      got += ran;
      waited += delayed;
    }
  } catch {
    return undefined;
  }
  return { gotSeconds: got / 1e9, waitedSeconds: waited / 1e9 };
}

/** Nanoseconds on a processor and in the queue; nothing of a thread that has just ended. */
function readThread(path: string): [number, number] {
  try {
    const [ran, delayed] = Deno.readTextFileSync(path).split(" ").map(Number);
    return [ran, delayed];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [0, 0];
    throw error;
  }
}

/**
 * Share of the processor time that a process asked for between two readings and got: 1 when nothing was in its way, 0.5 when
 * it had to wait as long as it ran.
 */
export function shareGot(
  before: ProcessTime | undefined,
  after: ProcessTime | undefined,
): number | undefined {
  if (before === undefined || after === undefined) return undefined;
  const got = after.gotSeconds - before.gotSeconds, waited = after.waitedSeconds - before.waitedSeconds;
  return got <= 0 ? undefined : Math.min(1, got / (got + Math.max(0, waited)));
}

/** Most memory that a process has had so far. */
export function peakMegabytes(pid: number): number | undefined {
  try {
    const match = /^VmHWM:\s*(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    return match === null ? undefined : Math.round(Number(match[1]) * 1.024 / 1000);
  } catch {
    return undefined;
  }
}
