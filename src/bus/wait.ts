// Waiting that can be given up: no timer and no listener outlives it.

/** Resolves after `ms`, or at once when the signal aborts. */
export function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish);
  });
}

/** The promise's outcome, or undefined as soon as the signal aborts; a later failure of the promise is dropped. */
export async function orAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal,
): Promise<Value | undefined> {
  let finish = () => {};
  const aborted = new Promise<undefined>((resolve) => {
    finish = () => resolve(undefined);
    if (signal.aborted) finish();
    else signal.addEventListener("abort", finish);
  });
  promise.catch(() => {});
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", finish);
  }
}

/** Runs one task after another, in order of their calls; a failed task stops none of those behind it. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<Value>(task: () => Promise<Value>): Promise<Value> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
