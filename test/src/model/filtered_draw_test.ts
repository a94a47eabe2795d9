// Top-k and top-p on the host: against the Hugging Face library, against a full sort, and the distribution of draws.
import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "@std/testing/bdd";
import { keyFromSeed, normals, uniforms } from "../../../src/base/random.ts";
import { drawFiltered, leastKept } from "../../../src/model/filtered_draw.ts";
import parity from "../../golden/sampling_parity.json" with { type: "json" };

function softmax(logits: readonly number[], temperature = 1): Float32Array {
  const peak = Math.max(...logits), weights = logits.map((logit) => Math.exp((logit - peak) / temperature));
  const total = weights.reduce((a, b) => a + b);
  return Float32Array.from(weights, (weight) => weight / total);
}

/** By a full sort: the k largest, then the fewest of them that reach p of their sum. */
function sortedLeast(probabilities: Float32Array, { topK, topP }: { topK: number; topP: number }): number {
  const all = [...probabilities].sort((a, b) => b - a).slice(0, topK || undefined);
  const total = all.reduce((a, b) => a + b);
  let sum = 0;
  return topP === 1
    ? all[all.length - 1]
    : all.find((p) => (sum += p) >= topP * total) ?? all[all.length - 1];
}

describe("leastKept()", () => {
  it("keeps the tokens that temperature, top-k and top-p of transformers keep", () => {
    for (const { temperature, topK, topP, kept } of parity.cases) {
      parity.logits.forEach((logits, row) => {
        const probabilities = softmax(logits, temperature), least = leastKept(probabilities, { topK, topP });
        const ids = [...probabilities.keys()].filter((id) => probabilities[id] >= least);
        assert.deepEqual(ids, kept[row], `temperature ${temperature}, k ${topK}, p ${topP}, row ${row}`);
      });
    }
  });

  it("is what a full sort gives", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -12, max: 12, noNaN: true }), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 0, max: 320 }),
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        (logits, topK, topP) => {
          const probabilities = softmax(logits);
          assert.equal(leastKept(probabilities, { topK, topP }), sortedLeast(probabilities, { topK, topP }));
        },
      ),
      { seed: 1 },
    );
  });

  it("keeps the likeliest token however small p is, and all equal ones", () => {
    const probabilities = Float32Array.of(0.25, 0.5, 0.25);
    assert.equal(leastKept(probabilities, { topK: 0, topP: 1e-9 }), 0.5);
    assert.equal(leastKept(probabilities, { topK: 2, topP: 1 }), 0.25);
  });
});

describe("drawFiltered()", () => {
  it("takes the first kept token, by id, whose cumulated share exceeds u: by hand", () => {
    // Top-p 0.8 keeps .3 + .4 + .2, in shares 1/3, 4/9, 2/9; cumulated .333, .778, 1.
    const probabilities = Float32Array.of(0.3, 0.06, 0.4, 0.04, 0.2);
    const drawn = [0, 0.33, 0.34, 0.77, 0.78, 1 - 2 ** -24].map((uniform) =>
      drawFiltered(probabilities, { uniform, topK: 0, topP: 0.8 })
    );
    assert.deepEqual(drawn, [0, 0, 2, 2, 4, 4]);
  });

  it("draws by the kept share of the distribution (chi-square, fixed key)", () => {
    const probabilities = softmax(Array.from(normals(keyFromSeed(7), 40), (value) => 1.5 * value));
    const filter = { topK: 12, topP: 0.9 }, draws = 6000, least = leastKept(probabilities, filter);
    const kept = [...probabilities.keys()].filter((id) => probabilities[id] >= least);
    const total = kept.reduce((sum, id) => sum + probabilities[id], 0), seen = new Map<number, number>();
    for (const uniform of uniforms(keyFromSeed(8), draws)) {
      const id = drawFiltered(probabilities, { uniform, ...filter });
      seen.set(id, (seen.get(id) ?? 0) + 1);
    }
    assert.deepEqual([...seen.keys()].sort((a, b) => a - b), kept);
    const chiSquare = kept.reduce((sum, id) => {
      const wanted = draws * probabilities[id] / total;
      return sum + ((seen.get(id) ?? 0) - wanted) ** 2 / wanted;
    }, 0);
    // 11 tokens at most: 99.9 % of fair samplers stay below 29.59 with 10 degrees of freedom.
    assert.ok(kept.length <= 11 && chiSquare < 29.59, `chi-square ${chiSquare} over ${kept.length} tokens`);
  });
});
