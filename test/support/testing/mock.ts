// The part of `@std/testing/mock` that our tests use, with the same names and shapes. No JSR needed at install time.
import assert from "node:assert/strict";

export interface SpyCall<Args extends unknown[], Return> {
  args: Args;
  returned?: Return;
  error?: unknown;
}
export type Spy<Args extends unknown[], Return> = ((...args: Args) => Return) & {
  calls: SpyCall<Args, Return>[];
};

/** A function that records its calls; without an argument it does nothing. */
export function spy<Args extends unknown[], Return>(body: (...args: Args) => Return): Spy<Args, Return> {
  const calls: SpyCall<Args, Return>[] = [];
  const record = (...args: Args): Return => {
    const call: SpyCall<Args, Return> = { args };
    calls.push(call);
    try {
      return call.returned = body(...args);
    } catch (error) {
      call.error = error;
      throw error;
    }
  };
  return Object.assign(record, { calls });
}

export function assertSpyCalls(spied: { calls: unknown[] }, expected: number): void {
  assert.equal(spied.calls.length, expected, `wanted ${expected} calls, saw ${spied.calls.length}`);
}
