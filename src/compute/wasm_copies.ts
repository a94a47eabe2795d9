// Moving numbers about on the wasm tier: identity, selection, gather, slice, split, concat and tile. The package's kernels copy what can
// be shared, read whole tensors to slice them, compute every index anew, and gather wrongly with batch dimensions.
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { type WasmKernel, wholeNumbers } from "./wasm_kernel.ts";

const size = tf.util.sizeFromShape;

export const copyKernels: readonly WasmKernel[] = [
  {
    name: tf.Identity,
    // No kernel but ExtendCache writes into its inputs, and caches are never cloned or selected: a second owner is as good as a copy.
    // Each training step asks for hundreds.
    run({ input }, backend) {
      const { dataId, shape, dtype } = input("x");
      backend.incRef(dataId);
      return { dataId, shape, dtype };
    },
  },
  {
    name: tf.Select,
    // One decision for a whole tensor comes here spread over it: what is chosen is one side, and shared like above.
    run({ input, original }, backend) {
      const condition = input("condition"), t = input("t"), e = input("e");
      const truths = backend.typedArrayFromHeap(condition), side = truths[0] === 0 ? e : t;
      const isSpread = truths.length > 1 && side.shape.join() === condition.shape.join();
      if (!isSpread || t.dtype !== e.dtype || !areAlike(truths)) return original();
      backend.incRef(side.dataId);
      return { dataId: side.dataId, shape: side.shape, dtype: side.dtype };
    },
  },
  {
    name: tf.GatherV2,
    run({ input, attribute }, backend) {
      const batchDims = Number(attribute("batchDims") ?? 0), axis = Number(attribute("axis"));
      return gather(backend, { x: input("x"), indices: input("indices"), axis, batchDims });
    },
  },
  {
    name: tf.Slice,
    run({ input, attribute }, backend) {
      const x = input("x");
      const [begin, lengths] = tf.slice_util.parseSliceParams(
        x,
        wholeNumbers(attribute("begin")),
        wholeNumbers(attribute("size")),
      );
      return slice(backend, x, { begin, lengths });
    },
  },
  {
    name: tf.SplitV,
    run({ input, attribute }, backend) {
      const x = input("x"), [axis] = tf.util.parseAxisParam(Number(attribute("axis")), x.shape);
      const pieces = tf.backend_util.prepareSplitSize(x, wholeNumbers(attribute("numOrSizeSplits")), axis);
      return split(backend, x, { axis, pieces });
    },
  },
  {
    name: tf.Concat,
    run({ inputs, attribute }, backend) {
      const tensors = inputs(), [axis] = tf.util.parseAxisParam(Number(attribute("axis")), tensors[0].shape);
      return concat(backend, tensors, axis);
    },
  },
  {
    name: tf.Tile,
    run({ input, attribute }, backend) {
      return tile(backend, input("x"), [wholeNumbers(attribute("reps"))].flat());
    },
  },
];

/** Whether none or all of them are 0; what is true may be any other number. */
function areAlike(truths: Numbers): boolean {
  return truths[0] === 0 ? truths.every((truth) => truth === 0) : truths.indexOf(0) < 0;
}

interface Gather {
  x: tf.TensorInfo;
  indices: tf.TensorInfo;
  axis: number;
  batchDims: number;
}

/** out[batch, outer, k, inner] = x[batch, outer, indices[batch, k], inner], the axes of each group flattened. */
function gather(backend: BackendWasm, { x, indices, axis, batchDims }: Gather): tf.TensorInfo {
  const batch = size(x.shape.slice(0, batchDims)), outer = size(x.shape.slice(batchDims, axis));
  const length = x.shape[axis], inner = size(x.shape.slice(axis + 1));
  const perBatch = size(indices.shape.slice(batchDims));
  const out = backend.makeOutput([
    ...x.shape.slice(0, axis),
    ...indices.shape.slice(batchDims),
    ...x.shape.slice(axis + 1),
  ], x.dtype);
  const values = backend.typedArrayFromHeap(x), places = backend.typedArrayFromHeap(indices);
  const target = backend.typedArrayFromHeap(out);
  let to = 0;
  for (let row = 0; row < batch * outer; row++) {
    const first = Math.floor(row / outer) * perBatch;
    for (let k = first; k < first + perBatch; k++) {
      const place = places[k];
      if (place < 0 || place >= length) {
        backend.disposeData(out.dataId);
        throw new RangeError(`gather: index ${place} is not in [0, ${length})`);
      }
      copy(values, target, { from: (row * length + place) * inner, to, count: inner });
      to += inner;
    }
  }
  return out;
}

function slice(
  backend: BackendWasm,
  x: tf.TensorInfo,
  { begin, lengths }: { begin: readonly number[]; lengths: readonly number[] },
): tf.TensorInfo {
  const out = backend.makeOutput([...lengths], x.dtype);
  const values = backend.typedArrayFromHeap(x), target = backend.typedArrayFromHeap(out);
  // Axes that are taken whole, at the end, form one run with the axis before them.
  let runAxis = Math.max(0, x.shape.length - 1);
  while (runAxis > 0 && lengths[runAxis] === x.shape[runAxis]) runAxis--;
  const strides = x.shape.map((_, axis) => size(x.shape.slice(axis + 1)));
  const count = size(lengths.slice(runAxis)), first = tf.slice_util.computeFlatOffset([...begin], strides);
  const place = new Array<number>(runAxis).fill(0);
  let from = first;
  for (let to = 0; to < target.length; to += count) {
    copy(values, target, { from, to, count });
    // The next row of the outer axes, like an odometer.
    for (let axis = runAxis - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++place[axis] < lengths[axis]) break;
      from -= lengths[axis] * strides[axis];
      place[axis] = 0;
    }
  }
  return out;
}

function split(
  backend: BackendWasm,
  x: tf.TensorInfo,
  { axis, pieces }: { axis: number; pieces: readonly number[] },
): tf.TensorInfo[] {
  const rows = size(x.shape.slice(0, axis)), inner = size(x.shape.slice(axis + 1));
  const width = x.shape[axis] * inner;
  let start = 0;
  return pieces.map((piece) => {
    const out = backend.makeOutput([...x.shape.slice(0, axis), piece, ...x.shape.slice(axis + 1)], x.dtype);
    const values = backend.typedArrayFromHeap(x), target = backend.typedArrayFromHeap(out);
    const count = piece * inner;
    for (let row = 0; row < rows; row++) {
      copy(values, target, { from: row * width + start, to: row * count, count });
    }
    start += count;
    return out;
  });
}

function concat(backend: BackendWasm, tensors: readonly tf.TensorInfo[], axis: number): tf.TensorInfo {
  const shapes = tensors.map((tensor) => tensor.shape);
  tf.backend_util.assertParamsConsistent(shapes, axis);
  const out = backend.makeOutput(tf.backend_util.computeOutShape(shapes, axis), tensors[0].dtype);
  const target = backend.typedArrayFromHeap(out);
  const rows = size(out.shape.slice(0, axis)), width = size(out.shape.slice(axis));
  let start = 0;
  for (const tensor of tensors) {
    const values = backend.typedArrayFromHeap(tensor), count = size(tensor.shape.slice(axis));
    for (let row = 0; row < rows; row++) {
      copy(values, target, { from: row * count, to: row * width + start, count });
    }
    start += count;
  }
  return out;
}

type Numbers = tf.backend_util.TypedArray;

/** Below this many numbers a plain loop is faster than making a view and calling set. */
const SHORT = 64;

function copy(source: Numbers, target: Numbers, run: { from: number; to: number; count: number }): void {
  const { from, to, count } = run;
  if (count >= SHORT) {
    target.set(source.subarray(from, from + count), to);
    return;
  }
  for (let i = 0; i < count; i++) target[to + i] = source[from + i];
}

/** Every axis in turn, from the last: its runs one after the other, as often as it is repeated. */
function tile(backend: BackendWasm, x: tf.TensorInfo, reps: readonly number[]): tf.TensorInfo {
  const out = backend.makeOutput(x.shape.map((length, axis) => length * reps[axis]), x.dtype);
  const target = backend.typedArrayFromHeap(out);
  let values: Numbers = backend.typedArrayFromHeap(x), run = 1;
  for (let axis = x.shape.length - 1; axis >= 0; axis--) {
    run *= x.shape[axis];
    if (reps[axis] !== 1) values = repeatedRuns(values, run, reps[axis]);
    run *= reps[axis];
  }
  target.set(values);
  return out;
}

function repeatedRuns(values: Numbers, run: number, times: number): Numbers {
  const length = values.length * times;
  const repeated = values instanceof Float32Array
    ? new Float32Array(length)
    : values instanceof Int32Array
    ? new Int32Array(length)
    : new Uint8Array(length);
  if (run === 1) {
    for (let i = 0; i < values.length; i++) repeated.fill(values[i], i * times, (i + 1) * times);
    return repeated;
  }
  for (let from = 0, to = 0; from < values.length; from += run) {
    for (let time = 0; time < times; time++, to += run) repeated.set(values.subarray(from, from + run), to);
  }
  return repeated;
}
