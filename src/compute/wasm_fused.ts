// Kernels of the wasm tier for what other tiers compose: layer norm, GELU, dense layers, attention, token log-probabilities,
// drawing, AdamW. src/math/fused_kernel.ts is the door to them; their gradients are in wasm_gradients.ts.
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { attentionKernels } from "./wasm_attention.ts";
import type { WasmKernel, WasmKernelCall } from "./wasm_kernel.ts";
import { bits, type Kernels, NUMBERS_PER_ITEM } from "./wasm_kernels.ts";
import { runProduct } from "./wasm_product.ts";

/** Rows whose sums are taken together (layer_norm.as.ts). */
const ROWS_PER_BLOCK = 64;
const FLOAT = 4;

export function fusedKernels(kernels: Kernels): WasmKernel[] {
  return [
    linear(kernels),
    sumOverRows(kernels),
    layerNorm(kernels),
    layerNormGradient(kernels),
    gelu(kernels),
    geluGradient(kernels),
    tokenLogProbabilities(kernels),
    tokenLogProbabilitiesGradient(kernels),
    drawTokens(kernels),
    adamWStep(kernels),
    ...attentionKernels(kernels),
  ];
}

/** Jobs that touch each number once or twice. */
function elementwise(count: number, nanosecondsPerNumber: number) {
  return {
    items: Math.ceil(count / NUMBERS_PER_ITEM),
    nanoseconds: nanosecondsPerNumber * NUMBERS_PER_ITEM,
  };
}

/** Where tensors start, in bytes. */
function places(backend: BackendWasm, ...tensors: tf.TensorInfo[]): number[] {
  return tensors.map((tensor) => backend.getMemoryOffset(tensor.dataId));
}

/** x [rows, in], weight [out, in], bias [out] → x Wᵀ + b, [rows, out] */
function linear(kernels: Kernels): WasmKernel {
  return {
    name: "Linear",
    run({ input }, backend) {
      const x = input("x"), weight = input("weight"), bias = input("bias");
      const [rows, depth] = x.shape, [columns] = weight.shape;
      const out = backend.makeOutput([rows, columns], "float32");
      const [a, b, start, biasStart] = places(backend, x, weight, out, bias);
      runProduct(kernels, {
        a: { offset: a, batchStride: 0, rowStride: depth, columnStride: 1 },
        b: { offset: b, batchStride: 0, rowStride: 1, columnStride: depth },
        ...{ batch: 1, rows, columns, depth },
        out: start,
        bias: biasStart,
      });
      return out;
    },
  };
}

/** x [rows, width] → [width] */
function sumOverRows(kernels: Kernels): WasmKernel {
  return {
    name: "SumOverRows",
    run({ input }, backend) {
      const x = input("x"), [rows, width] = x.shape, blocks = Math.ceil(rows / ROWS_PER_BLOCK);
      const out = backend.makeOutput([width], "float32"),
        partial = backend.makeOutput([blocks, width], "float32");
      const [from, sums, to] = places(backend, x, partial, out);
      kernels.run("sum over rows", { items: blocks, nanoseconds: ROWS_PER_BLOCK * width / 4 }, [
        ...[from, sums, rows, width],
      ]);
      kernels.addPartials(sums, blocks, width, width, to);
      backend.disposeData(partial.dataId);
      return out;
    },
  };
}

/** x [rows, width], scale and shift [width] → y [rows, width]; means and inverse deviations, [rows] each */
function layerNorm(kernels: Kernels): WasmKernel {
  return {
    name: "LayerNorm",
    run({ input, attribute }, backend) {
      const x = input("x"), scale = input("scale"), shift = input("shift"), [rows, width] = x.shape;
      const out = [x.shape, [rows], [rows]].map((shape) => backend.makeOutput(shape, "float32"));
      kernels.run("norm", { items: rows, nanoseconds: 1.5 * width }, [
        ...places(backend, x, scale, shift, ...out),
        ...[width, bits(Number(attribute("epsilon")))],
      ]);
      return out;
    },
  };
}

/** x, scale, mean, inverse, dy → gradients of x, scale and shift */
function layerNormGradient(kernels: Kernels): WasmKernel {
  return {
    name: "LayerNormGradient",
    run({ input }, backend) {
      const x = input("x"), [rows, width] = x.shape, blocks = Math.ceil(rows / ROWS_PER_BLOCK);
      const [dx, partial, dScale, dShift] = [x.shape, [blocks, 2 * width], [width], [width]].map((shape) =>
        backend.makeOutput(shape, "float32")
      );
      const given = [x, input("scale"), input("mean"), input("inverse"), input("dy")];
      kernels.run("norm gradient", { items: blocks, nanoseconds: 2 * width * ROWS_PER_BLOCK }, [
        ...places(backend, ...given, dx, partial),
        ...[rows, width],
      ]);
      const [sums, toScale, toShift] = places(backend, partial, dScale, dShift);
      kernels.addPartials(sums, blocks, 2 * width, width, toScale);
      kernels.addPartials(sums + FLOAT * width, blocks, 2 * width, width, toShift);
      backend.disposeData(partial.dataId);
      return [dx, dScale, dShift];
    },
  };
}

/** x → x Φ(x) */
function gelu(kernels: Kernels): WasmKernel {
  return {
    name: "Gelu",
    run({ input }, backend) {
      const x = input("x"),
        count = tf.util.sizeFromShape(x.shape),
        out = backend.makeOutput(x.shape, "float32");
      kernels.run("gelu", elementwise(count, 3), [...places(backend, x, out), count]);
      return out;
    },
  };
}

/** x, dy → dx */
function geluGradient(kernels: Kernels): WasmKernel {
  return {
    name: "GeluGradient",
    run({ input }, backend) {
      const x = input("x"),
        count = tf.util.sizeFromShape(x.shape),
        out = backend.makeOutput(x.shape, "float32");
      kernels.run("gelu gradient", elementwise(count, 5), [...places(backend, x, input("dy"), out), count]);
      return out;
    },
  };
}

/** logits [rows, vocab], labels [rows] → log-probabilities and the logarithms of the rows' sums, [rows] each */
function tokenLogProbabilities(kernels: Kernels): WasmKernel {
  return {
    name: "TokenLogProbabilities",
    run({ input }, backend) {
      const logits = input("logits"), labels = input("labels"), [rows, vocabulary] = logits.shape;
      checkLabels(backend, labels, vocabulary);
      const out = [[rows], [rows]].map((shape) => backend.makeOutput(shape, "float32"));
      kernels.run("log-probabilities", { items: rows, nanoseconds: 1.5 * vocabulary }, [
        ...places(backend, logits, labels, ...out),
        vocabulary,
      ]);
      return out;
    },
  };
}

function checkLabels(backend: BackendWasm, labels: tf.TensorInfo, vocabulary: number): void {
  for (const label of backend.typedArrayFromHeap(labels)) {
    if (label < 0 || label >= vocabulary) {
      throw new RangeError(`tokenLogProbabilities: label ${label} is not in [0, ${vocabulary})`);
    }
  }
}

/** logits, labels, log-sums, dy [rows] → gradient of the logits */
function tokenLogProbabilitiesGradient(kernels: Kernels): WasmKernel {
  return {
    name: "TokenLogProbabilitiesGradient",
    run({ input }, backend) {
      const logits = input("logits"), [rows, vocabulary] = logits.shape;
      const out = backend.makeOutput(logits.shape, "float32");
      const given = [logits, input("labels"), input("logSums"), input("dy")];
      kernels.run("log-probabilities gradient", { items: rows, nanoseconds: 2 * vocabulary }, [
        ...places(backend, ...given, out),
        vocabulary,
      ]);
      return out;
    },
  };
}

/** logits [rows, vocab], uniform numbers [rows] → tokens and their log-probabilities, [rows] each */
function drawTokens(kernels: Kernels): WasmKernel {
  return {
    name: "DrawTokens",
    run({ input }, backend) {
      const logits = input("logits"), [rows, vocabulary] = logits.shape;
      const tokens = backend.makeOutput([rows], "int32"), logs = backend.makeOutput([rows], "float32");
      kernels.run("draw", { items: rows, nanoseconds: 4 * vocabulary }, [
        ...places(backend, logits, input("uniforms"), tokens, logs),
        vocabulary,
      ]);
      return [tokens, logs];
    },
  };
}

/** The update of src/math/adamw.ts: parameters, moments and gradient [parameters] → new parameters and moments */
function adamWStep(kernels: Kernels): WasmKernel {
  return {
    name: "AdamWStep",
    run(call, backend) {
      const { input } = call, parameters = input("parameters");
      const count = tf.util.sizeFromShape(parameters.shape);
      const out = [0, 1, 2].map(() => backend.makeOutput([count], "float32"));
      const given = [parameters, input("firstMoment"), input("secondMoment"), input("gradient")];
      kernels.run("adamw", elementwise(count, 3), [
        ...places(backend, ...given, ...out),
        count,
        ...adamWNumbers(call, backend, clipFactor(kernels, backend, call)).map(bits),
      ]);
      return out;
    },
  };
}

/** In the order of adamWItems. */
function adamWNumbers({ input, attribute }: WasmKernelCall, backend: BackendWasm, factor: number): number[] {
  const scalar = (name: string) => backend.typedArrayFromHeap(input(name))[0];
  const option = (name: string) => Number(attribute(name));
  const rate = scalar("learningRate"), beta1 = option("beta1"), beta2 = option("beta2");
  return [
    ...[factor, beta1, 1 - beta1, beta2, 1 - beta2, option("epsilon")],
    ...[rate, 1 - rate * option("weightDecay"), scalar("correction1"), scalar("correction2")],
  ];
}

/** What a gradient is multiplied with so that its norm is at most `gradientNorm`; NaN where it holds one. */
function clipFactor(kernels: Kernels, backend: BackendWasm, { input, attribute }: WasmKernelCall): number {
  const most = Number(attribute("gradientNorm")), gradient = input("gradient");
  if (most === Infinity) return 1;
  const count = tf.util.sizeFromShape(gradient.shape), size = elementwise(count, 0.5);
  const partial = backend.makeOutput([size.items], "float32");
  kernels.run("squares", size, [...places(backend, gradient, partial), count]);
  let sum = 0;
  for (const part of backend.typedArrayFromHeap(partial)) sum += part;
  backend.disposeData(partial.dataId);
  return Math.min(1, most / (Math.sqrt(sum) + 1e-6));
}
