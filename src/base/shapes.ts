// Shape checks of maths and model functions: name the argument, the wanted and the actual shape.
import { ShapeError } from "./errors.ts";

export type Dimension = number | string;

/** Throws ShapeError unless `tensor.shape` fits `wanted`; a string is a named free axis, equal names must have equal sizes within one call. */
export function checkShapes(
  functionName: string,
  wanted: Record<string, readonly Dimension[]>,
  actual: Record<string, { readonly shape: readonly number[] }>,
): void {
  const sizes = new Map<string, number>();
  for (const [name, dimensions] of Object.entries(wanted)) {
    const shape = actual[name].shape;
    const fits = shape.length === dimensions.length && dimensions.every((dimension, axis) => {
      if (typeof dimension === "number") return dimension === shape[axis];
      const known = sizes.get(dimension);
      if (known === undefined) sizes.set(dimension, shape[axis]);
      return known === undefined || known === shape[axis];
    });
    if (!fits) {
      const form = dimensions.map((d) => typeof d === "string" && sizes.has(d) ? `${d}=${sizes.get(d)}` : d)
        .join(", ");
      throw new ShapeError(`${functionName}: "${name}" must be [${form}], got [${shape.join(", ")}]`);
    }
  }
}
