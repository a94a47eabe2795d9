// Autodiff against central differences. Step 1e-2 in float32: smaller steps lose the difference in rounding, larger ones
// see the curvature. The error is relative to the whole gradient, so that coordinates near zero do not decide.
import assert from "node:assert/strict";

export const STEP = 1e-2;
export const TOLERANCE = 1e-3;

/** (f(x + h eᵢ) − f(x − h eᵢ)) / 2h at the given coordinates. */
export function centralDifferences(
  f: (point: Float32Array) => number,
  point: Float32Array,
  coordinates: readonly number[] = [...point.keys()],
): number[] {
  return coordinates.map((i) => {
    const [above, below] = [STEP, -STEP].map((step) => {
      const moved = point.slice();
      moved[i] += step;
      return { value: f(moved), at: moved[i] };
    });
    return (above.value - below.value) / (above.at - below.at);
  });
}

/** ‖got − wanted‖ / ‖wanted‖ */
export function relativeError(got: ArrayLike<number>, wanted: readonly number[]): number {
  assert.equal(got.length, wanted.length);
  return Math.hypot(...wanted.map((value, i) => got[i] - value)) / Math.hypot(...wanted);
}

export function assertGradient(
  got: ArrayLike<number>,
  wanted: readonly number[],
  tolerance = TOLERANCE,
): void {
  const error = relativeError(got, wanted);
  assert.ok(error <= tolerance, `the gradient is off by ${error} of its length, allowed is ${tolerance}`);
}
