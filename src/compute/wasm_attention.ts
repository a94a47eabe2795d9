// Attention on the wasm tier (attention.as.ts, split_heads.as.ts): heads out of a joined projection, what they read, and the
// gradients of both; and the transpose that puts heads side by side again.
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import type { WasmKernel, WasmKernelCall } from "./wasm_kernel.ts";
import { bits, type Kernels } from "./wasm_kernels.ts";

const FLOPS_PER_NANOSECOND = 15;

export function attentionKernels(kernels: Kernels): WasmKernel[] {
  return [
    attention(kernels),
    attentionGradient(kernels),
    sightMask,
    splitHeads(kernels),
    joinHeads(kernels),
    extendCache(kernels),
    transpose(kernels),
  ];
}

function place(backend: BackendWasm, tensor: tf.TensorInfo): number {
  return backend.getMemoryOffset(tensor.dataId);
}

/** Query heads that share a head of keys are further rows of it: both lie one after the other. */
interface HeadSizes {
  /** batch · heads of keys */
  items: number;
  rows: number;
  keys: number;
  /** Of the keys' tensor; more than `keys` where the rest is not in use yet. */
  capacity: number;
  size: number;
}

function headSizes(queries: tf.TensorInfo, keys: tf.TensorInfo, numKeys: number): HeadSizes {
  const [batch, heads, time, size] = queries.shape, [, groups, capacity] = keys.shape;
  return { items: batch * groups, rows: heads / groups * time, keys: numKeys, capacity, size };
}

function cost({ rows, keys, size }: HeadSizes, products: number): number {
  return products * (2 * rows * keys * size / FLOPS_PER_NANOSECOND + rows * keys);
}

/**
 * queries [batch, heads, time, head]; keys and values [batch, groups, capacity, head]; bias [1 or batch, 1, time, keys], which says
 * how many keys there are → what the heads read, like queries; weights [batch, heads, time, keys].
 */
function attention(kernels: Kernels): WasmKernel {
  return {
    name: "Attention",
    run({ input, attribute }, backend) {
      const queries = input("queries"), keys = input("keys"), bias = input("bias");
      const [batch, heads, time] = queries.shape, [, groups] = keys.shape;
      const [biases, , , numKeys] = bias.shape, sizes = headSizes(queries, keys, numKeys);
      const weights = backend.makeOutput([batch, heads, time, numKeys], "float32");
      const out = backend.makeOutput(queries.shape, "float32");
      kernels.run("attention", { items: sizes.items, nanoseconds: cost(sizes, 2) }, [
        ...[queries, keys, input("values"), bias, weights, out].map((tensor) => place(backend, tensor)),
        ...[sizes.rows, sizes.keys, sizes.capacity, sizes.size],
        ...[time, biases === 1 ? 0 : time * numKeys, groups, bits(Number(attribute("scale")))],
      ]);
      return [out, weights];
    },
  };
}

/** queries, keys, values, weights, dy → gradients of the first three */
function attentionGradient(kernels: Kernels): WasmKernel {
  return {
    name: "AttentionGradient",
    run({ input, attribute }, backend) {
      const queries = input("queries"), keys = input("keys"), weights = input("weights");
      const sizes = headSizes(queries, keys, keys.shape[2]);
      const out = [queries, keys, keys].map(({ shape }) => backend.makeOutput(shape, "float32"));
      const slopes = backend.makeOutput(weights.shape, "float32");
      const given = [queries, keys, input("values"), weights, input("dy")];
      kernels.run("attention gradient", { items: sizes.items, nanoseconds: cost(sizes, 4) }, [
        ...[...given, ...out].map((tensor) => place(backend, tensor)),
        ...[sizes.rows, sizes.keys, sizes.size, bits(Number(attribute("scale"))), place(backend, slopes)],
      ]);
      backend.disposeData(slopes.dataId);
      return out;
    },
  };
}

const HIDDEN = -1e9;

/**
 * seenUntil [batch, time], int32 → [batch, 1, time, time]: 0 where a query sees a key, hidden elsewhere. The package's minimum and
 * its like compute every index of a broadcast anew, at 60 ns a number.
 */
const sightMask: WasmKernel = {
  name: "SightMask",
  run({ input }, backend) {
    const seenUntil = input("seenUntil"), [batch, time] = seenUntil.shape;
    const out = backend.makeOutput([batch, 1, time, time], "float32");
    const ends = backend.typedArrayFromHeap(seenUntil), mask = backend.typedArrayFromHeap(out).fill(HIDDEN);
    for (let row = 0, at = 0; row < batch; row++) {
      const first = row * time;
      for (let query = 0; query < time; query++, at += time) {
        for (let key = 0; key <= query; key++) if (query < ends[first + key]) mask[at + key] = 0;
      }
    }
    return out;
  },
};

/**
 * joined [batch · time, heads · (query | key | value)], cosines and sines [time or batch · time, head] → queries and keys,
 * rotated, and values: [batch, heads, time, head] each.
 */
function splitHeads(kernels: Kernels): WasmKernel {
  return {
    name: "SplitHeads",
    run(call, backend) {
      const joined = call.input("joined"), [rows, width] = joined.shape;
      const { time, heads, size } = numbersOf(call);
      const shape = [rows / time, heads, time, size];
      const out = [0, 1, 2].map(() => backend.makeOutput(shape, "float32"));
      kernels.run(
        "split heads",
        { items: rows, nanoseconds: width / 2 },
        splitArguments(call, backend, [joined, ...out]),
      );
      return out;
    },
  };
}

/** queries, keys, values [batch, heads, time, head] as gradients of `SplitHeads` → the gradient of joined */
function joinHeads(kernels: Kernels): WasmKernel {
  return {
    name: "JoinHeads",
    run(call, backend) {
      const heads = ["queries", "keys", "values"].map(call.input),
        [batch, count, time, size] = heads[0].shape;
      const joined = backend.makeOutput([batch * time, count * 3 * size], "float32");
      const job = { items: batch * time, nanoseconds: 1.5 * count * size };
      kernels.run("join heads", job, splitArguments(call, backend, [joined, ...heads]));
      return joined;
    },
  };
}

function numbersOf({ attribute }: WasmKernelCall) {
  const [time, heads, size, rotated] = ["time", "heads", "size", "rotated"].map((name) =>
    Number(attribute(name))
  );
  return { time, heads, size, rotated };
}

function splitArguments(
  call: WasmKernelCall,
  backend: BackendWasm,
  tensors: readonly tf.TensorInfo[],
): number[] {
  const { time, heads, size, rotated } = numbersOf(call), cosines = call.input("cosines");
  return [
    ...[...tensors, cosines, call.input("sines")].map((tensor) => place(backend, tensor)),
    ...[time, heads, size, rotated, tf.util.sizeFromShape(cosines.shape) / size],
  ];
}

/** Room for so many positions more, whenever a cache is full. */
const MORE_POSITIONS = 32;

/**
 * cache [batch, heads, capacity, head], of which `length` positions count, and added [batch, heads, new, head] → the cache with
 * the new positions behind those: the same buffer if it has room, else a larger one.
 */
function extendCache(kernels: Kernels): WasmKernel {
  return {
    name: "ExtendCache",
    run({ input, attribute }, backend) {
      const cache = input("cache"), added = input("added"), length = Number(attribute("length"));
      const [batch, heads, capacity, size] = cache.shape, more = added.shape[2];
      const write = (from: tf.TensorInfo, to: tf.TensorInfo, positions: { count: number; first: number }) =>
        kernels.run("place", { items: batch * heads, nanoseconds: positions.count * size / 2 }, [
          ...[from, to].map((tensor) => place(backend, tensor)),
          ...[positions.count * size, from.shape[2] * size, to.shape[2] * size, positions.first * size],
        ]);
      let target = cache;
      if (length + more > capacity) {
        target = backend.makeOutput([batch, heads, length + more + MORE_POSITIONS, size], "float32");
        write(cache, target, { count: length, first: 0 });
      } else backend.incRef(cache.dataId);
      write(added, target, { count: more, first: length });
      return { dataId: target.dataId, shape: target.shape, dtype: target.dtype };
    },
  };
}

/** The package's kernel goes number by number; where two inner axes change places, whole rows can be copied. */
function transpose(kernels: Kernels): WasmKernel {
  return {
    name: tf.Transpose,
    run({ input, attribute, original }, backend) {
      const x = input("x"), permutation = attribute("perm");
      if (!Array.isArray(permutation) || permutation.join() !== "0,2,1,3" || x.dtype !== "float32") {
        return original();
      }
      const [i, j, k, size] = x.shape, out = backend.makeOutput([i, k, j, size], "float32");
      kernels.run("swap", { items: i * j, nanoseconds: k * size / 2 }, [
        ...[x, out].map((tensor) => place(backend, tensor)),
        ...[j, k, size],
      ]);
      return out;
    },
  };
}
