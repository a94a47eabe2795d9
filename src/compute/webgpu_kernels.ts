// Kernels of tfjs-backend-webgpu 4.22.0 that give wrong numbers without an error, or other ones every time, made right:
// running sums of a second length or backwards, sums over nothing, whole-numbered segment sums, NaN in relu and relu6; and sums that
// threads add up in whatever order they come.
import { webgpu_util, type WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import { runFlatProgram } from "./webgpu_program.ts";

interface Call {
  input(name: string): tf.TensorInfo;
  attribute(name: string): unknown;
  /** The kernel that is replaced, on the same inputs. */
  original(): tf.TensorInfo | tf.TensorInfo[];
}

type Kernel = (call: Call, backend: WebGPUBackend) => tf.TensorInfo | tf.TensorInfo[];

const KERNELS: Readonly<Record<string, Kernel>> = {
  [tf.Cumsum]: cumsum,
  [tf.UnsortedSegmentSum]: segmentSum,
  [tf.Sum]: sum,
  [tf.Relu]: rectified("relu", "max(x[index], Number(0))"),
  [tf.Relu6]: rectified("relu6", "clamp(x[index], Number(0), Number(6))"),
  [tf.BatchMatMul]: withoutSplitDepth,
  [tf._FusedMatMul]: withoutSplitDepth,
};

/** Registers them in place of the package's; returns what undoes it. */
export function replaceKernels(backend: WebGPUBackend): () => void {
  const replaced = Object.entries(KERNELS).map(([name, kernel]) => {
    const original = tf.getKernel(name, "webgpu");
    if (original === undefined) throw new Error(`Check the tfjs packages: webgpu has no kernel ${name}`);
    tf.unregisterKernel(name, "webgpu");
    tf.registerKernel({
      kernelName: name,
      backendName: "webgpu",
      kernelFunc: ({ inputs, attrs }) =>
        kernel({
          input(key) {
            const tensor = inputs[key];
            if (tensor === undefined) throw new TypeError(`${name}: input "${key}" is missing`);
            return tensor;
          },
          attribute: (key) => attrs?.[key],
          original: () => original.kernelFunc({ inputs, attrs, backend }),
        }, backend),
    });
    return original;
  });
  return () => {
    for (const original of replaced) {
      tf.unregisterKernel(original.kernelName, "webgpu");
      tf.registerKernel(original);
    }
  };
}

/**
 * Running sums in ⌈log2 length⌉ passes: each adds what stands 1, 2, 4 … places before. The package's program keeps the
 * length of its first call in the compiled code, and gets the distances from a power that a GPU may round down.
 */
function cumsum({ input, attribute }: Call, backend: WebGPUBackend): tf.TensorInfo {
  const x = input("x"), direction = attribute("reverse") === true ? 1 : -1;
  const [axis] = tf.util.parseAxisParam(Number(attribute("axis")), x.shape);
  const length = x.shape[axis], stride = tf.util.sizeFromShape(x.shape.slice(axis + 1));
  const passes: { places: number; keepsOwn: boolean }[] = [];
  for (let places = 1; places < length; places *= 2) passes.push({ places, keepsOwn: true });
  if (attribute("exclusive") === true) passes.push({ places: 1, keepsOwn: false });
  // A sum of one number is a copy: what stands `length` places before does not exist.
  if (passes.length === 0) passes.push({ places: length, keepsOwn: true });
  let result = x;
  for (const { places, keepsOwn } of passes) {
    const next = runFlatProgram(backend, {
      name: "cumsum",
      inputs: { x: result },
      numbers: { axisLength: length, stride, offset: places * direction, keepsOwn: Number(keepsOwn) },
      output: { shape: x.shape, dtype: x.dtype },
      code: `
          let place = index / uniforms.stride % uniforms.axisLength + uniforms.offset;
          var value = select(Number(0), x[index], uniforms.keepsOwn == 1);
          if (place >= 0 && place < uniforms.axisLength) {
            value = value + x[index + uniforms.offset * uniforms.stride];
          }`,
    });
    if (result !== x) backend.disposeData(result.dataId);
    result = next;
  }
  return result;
}

/** Each sum in the order of its rows. The package's threads add atomically, so every run would round differently. */
function segmentSum({ input, attribute }: Call, backend: WebGPUBackend): tf.TensorInfo {
  const x = input("x"), segmentIds = input("segmentIds"), numSegments = Number(attribute("numSegments"));
  const [numRows, ...rowShape] = x.shape;
  return runFlatProgram(backend, {
    name: "segmentSum",
    inputs: { x, segmentIds },
    numbers: { numRows, numColumns: tf.util.sizeFromShape(rowShape) },
    output: { shape: [numSegments, ...rowShape], dtype: x.dtype },
    code: `
          let segment = index / uniforms.numColumns;
          let column = index % uniforms.numColumns;
          var value = Number(0);
          for (var row = 0; row < uniforms.numRows; row = row + 1) {
            if (segmentIds[row] == segment) {
              value = value + x[row * uniforms.numColumns + column];
            }
          }`,
  });
}

/** A sum over no number is 0; the package divides by their count. */
function sum({ input, attribute, original }: Call, backend: WebGPUBackend): tf.TensorInfo | tf.TensorInfo[] {
  const x = input("x");
  if (tf.util.sizeFromShape(x.shape) > 0) return original();
  const axes = tf.util.parseAxisParam(axesOf(attribute("axis")), x.shape);
  const [kept] = tf.backend_util.computeOutAndReduceShapes(x.shape, axes);
  const shape = attribute("keepDims") === true ? tf.backend_util.expandShapeToKeepDim(kept, axes) : kept;
  const dtype = tf.sumOutType(x.dtype), size = tf.util.sizeFromShape(shape);
  return backend.makeTensorInfo(
    shape,
    dtype,
    dtype === "int32" ? new Int32Array(size) : new Float32Array(size),
  );
}

function axesOf(attribute: unknown): number | number[] {
  return Array.isArray(attribute) ? attribute.map(Number) : Number(attribute);
}

/** The package's clamp hides a NaN, and its comparison with 0 on some processors. */
function rectified(name: string, value: string): Kernel {
  return ({ input }, backend) => {
    const x = input("x");
    return runFlatProgram(backend, {
      name,
      inputs: { x },
      numbers: {},
      output: { shape: x.shape, dtype: x.dtype },
      // A GPU may assume that there is no NaN, so that it is told by its bits.
      code: `
          let isNumber = (bitcast<u32>(f32(x[index])) & 0x7fffffffu) <= 0x7f800000u;
          let value = select(x[index], ${value}, isNumber);`,
    });
  };
}

/** Products with a long inner side are split among threads that add their parts atomically; here they are not. */
function withoutSplitDepth({ input, attribute, original }: Call): tf.TensorInfo | tf.TensorInfo[] {
  const a = input("a"), b = input("b");
  const [depth, rows] = inner(a.shape, attribute("transposeA") === true);
  const columns = b.shape[b.shape.length - (attribute("transposeB") === true ? 2 : 1)];
  if (depth < SPLIT_DEPTH || rows * columns <= SMALL_OUTPUT) return original();
  const { MatMulPackedProgram, MatMulSmallOutputSizeProgram } = webgpu_util.MatMulProgramType;
  const numTiles = Math.ceil(rows / 32) * Math.ceil(columns / 32);
  tf.env().set(PROGRAM_TYPE, numTiles > MANY_TILES ? MatMulPackedProgram : MatMulSmallOutputSizeProgram);
  try {
    return original();
  } finally {
    tf.env().set(PROGRAM_TYPE, -1);
  }
}

const PROGRAM_TYPE = "WEBGPU_MATMUL_PROGRAM_TYPE";
/** From here on the package splits the inner side; up to `SMALL_OUTPUT` results it never does. */
const SPLIT_DEPTH = 2000, SMALL_OUTPUT = 128;
/** So many tiles keep a GPU busy without splitting. */
const MANY_TILES = 16;

/** Inner and outer side of the left operand. */
function inner(shape: readonly number[], isTransposed: boolean): [depth: number, rows: number] {
  const [first, second] = shape.slice(-2);
  return isTransposed ? [first, second] : [second, first];
}
