// Top-k and top-p over a large vocabulary in compiled programs: the kept sets of the host, and the distribution of draws.
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, normals, splitKey, uniforms } from "../../../src/base/random.ts";
import { leastKept } from "../../../src/model/filtered_draw.ts";
import { drawByInverse } from "../../../src/model/traced_draw.ts";
import { drawFilteredByInverse, filterProgram } from "../../../src/model/traced_filter.ts";
import { leastByCount, leastByMass } from "../../../src/model/traced_roots.ts";
import { nativeSkip, useNativeTier } from "../../support/native_tier.ts";

const skip = nativeSkip, KEY = keyFromSeed(12), VOCABULARY = 50_304, ROWS = 4;

/** Largest weight 1; rows from nearly flat to peaked. */
function madeUpWeights(row: number): Float32Array {
  const logits = normals(splitKey(KEY, "weights", row), VOCABULARY).map((value) => 0.3 * 2 ** row * value);
  const peak = logits.reduce((a, b) => Math.max(a, b));
  return logits.map((logit) => Math.exp(logit - peak));
}

describe(`top-k and top-p of ${VOCABULARY} tokens${skip ? ` (skipped: ${skip})` : ""}`, () => {
  const native = useNativeTier();
  const vector = (shape: number[]) => ({ shape, dtype: "float32" as const });
  const traced = () => {
    if (native.tier.traced === undefined) throw new Error("the tier compiles nothing");
    return native.tier.traced;
  };

  it(
    "keep the host's sets: top-k exactly, top-p but for tokens as likely as rounding",
    { skip },
    async () => {
      const rows = Array.from({ length: ROWS }, (_, row) => madeUpWeights(row));
      const weights = tf.tensor2d(rows.map((row) => [...row]));
      const specs = [vector([ROWS, VOCABULARY]), vector([])];
      const count = native.tier.compile("kept by count", (all, topK) => {
        return [leastByCount(all, { topK, traced: traced() })];
      }, specs);
      const mass = native.tier.compile("kept by mass", (all, rest) => {
        return [leastByMass(all, { rest, traced: traced() })];
      }, specs);
      const leastOf = async (run: typeof count, setting: number) => {
        const argument = tf.scalar(setting), [least] = run(weights, argument), values = await least.data();
        tf.dispose([argument, least]);
        return values;
      };
      const sizeOf = (row: Float32Array, least: number) => row.filter((weight) => weight >= least).length;
      for (const topK of [1, 50, 1000, 50_000]) {
        const least = await leastOf(count, topK);
        const wanted = rows.map((row) => sizeOf(row, leastKept(row, { topK, topP: 1 })));
        assert.deepEqual(rows.map((row, i) => sizeOf(row, least[i])), wanted, `k ${topK}`);
      }
      for (const topP of [0.3, 0.9, 0.99, 0.9999]) {
        const least = await leastOf(mass, 1 - topP);
        rows.forEach((row, i) => {
          const wanted = sizeOf(row, leastKept(row, { topK: 0, topP })), got = sizeOf(row, least[i]);
          assert.ok(Math.abs(got - wanted) <= Math.max(2, 1e-4 * wanted), `p ${topP}: ${got}, not ${wanted}`);
        });
      }
      weights.dispose();
    },
  );

  it("draw by the kept share of the distribution (chi-square, fixed key)", { skip }, async () => {
    const own = madeUpWeights(1), draws = 64, calls = 40;
    const logits = tf.tidy(() => tf.tile(tf.log(tf.tensor2d([[...own]])), [draws, 1]));
    const filters = [[50, 1], [20, 0.8], [0, 1]].map(([topK, topP]) => {
      const program = filterProgram({ topK, topP }, VOCABULARY);
      return {
        topK,
        topP,
        run: native.tier.compile(`draw ${topK} ${topP}`, (all, uniform, k, rest) => [
          program === undefined
            ? drawByInverse(all, uniform).token
            : drawFilteredByInverse(all, uniform, { program, traced: traced(), topK: k, rest }).token,
        ], [vector([draws, VOCABULARY]), vector([draws]), vector([]), vector([])]),
      };
    });
    for (const { topK, topP, run } of filters) {
      const least = leastKept(own, { topK, topP }), seen = new Map<number, number>();
      for (let call = 0; call < calls; call++) {
        const uniform = tf.tensor1d(uniforms(splitKey(KEY, "draws", call), draws));
        const settings = [tf.scalar(topK), tf.scalar(1 - topP)], [token] = run(logits, uniform, ...settings);
        for (const id of await token.data()) seen.set(id, (seen.get(id) ?? 0) + 1);
        tf.dispose([uniform, ...settings, token]);
      }
      assert.ok([...seen.keys()].every((id) => own[id] >= least));
      // Kept tokens in 16 cells of about equal probability, in the order of ids.
      const kept = [...own.keys()].filter((id) => own[id] >= least), numCells = 16;
      const total = kept.reduce((sum, id) => sum + own[id], 0), cells: { mass: number; seen: number }[] = [];
      let cell = { mass: 0, seen: 0 };
      for (const id of kept) {
        cell.mass += own[id] / total;
        cell.seen += seen.get(id) ?? 0;
        if (cell.mass < 1 / numCells && id !== kept.at(-1)) continue;
        cells.push(cell);
        cell = { mass: 0, seen: 0 };
      }
      const all = draws * calls;
      const chiSquare = cells.reduce(
        (sum, { mass, seen }) => sum + (seen - all * mass) ** 2 / (all * mass),
        0,
      );
      // 99.9 % of fair samplers stay below 37.70 with 15 degrees of freedom.
      assert.ok(
        cells.length <= numCells && chiSquare < 37.7,
        `k ${topK}, p ${topP}: chi-square ${chiSquare}`,
      );
    }
    logits.dispose();
  });
});
