// The part of `@std/testing/time` that our tests use, over node:test's mock timers. No JSR needed at install time.
import { mock } from "node:test";

export class FakeTime implements Disposable {
  constructor(start: number | Date = Date.now()) {
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: Number(start) });
  }
  tick(ms = 0): void {
    mock.timers.tick(ms);
  }
  get now(): number {
    return Date.now();
  }
  restore(): void {
    mock.timers.reset();
  }
  [Symbol.dispose](): void {
    this.restore();
  }
}
