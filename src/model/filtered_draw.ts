// Top-k and top-p (Holtzman et al. 2020) for one row on the host: what is kept, and a draw from it. No sort of the vocabulary:
// probabilities are counted by the first bits of their float32 form, and only those around the limit are sorted.

export interface Filter {
  /** 0 is all. */
  topK: number;
  /** 1 is all. */
  topP: number;
}

/**
 * The least kept probability; tokens with the same one are kept as well. Top-k first, then, of what is left and of its sum, the
 * fewest largest whose sum reaches p; at least one.
 *
 * @param probabilities [vocab], ≥ 0
 */
export function leastKept(probabilities: Float32Array, { topK, topP }: Filter): number {
  const byTopK = topK > 0 ? walkDown(probabilities, { until: (count) => count >= topK }) : 0;
  if (topP === 1) return byTopK;
  const total = probabilities.reduce((sum, p) => p >= byTopK ? sum + p : sum, 0);
  return Math.max(byTopK, walkDown(probabilities, { until: (_, mass) => mass >= topP * total }));
}

/** The first kept token, in the order of ids, at which the cumulated kept probability exceeds `uniform` of its whole. */
export function drawFiltered(
  probabilities: Float32Array,
  { uniform, ...filter }: { uniform: number } & Filter,
): number {
  const least = leastKept(probabilities, filter);
  const isKept = (p: number) => p >= least && p > 0;
  const threshold = uniform * probabilities.reduce((sum, p) => isKept(p) ? sum + p : sum, 0);
  let cumulated = 0, last = 0;
  for (let id = 0; id < probabilities.length; id++) {
    if (!isKept(probabilities[id])) continue;
    cumulated += probabilities[id];
    last = id;
    if (cumulated > threshold) break;
  }
  return last;
}

/** Sign, exponent and the first four bits of the mantissa: larger numbers have larger prefixes. */
const DROPPED_BITS = 19;

/** The number at which a walk from the largest down has seen enough, by how many there were and by their sum. */
function walkDown(
  values: Float32Array,
  { until }: { until: (count: number, mass: number) => boolean },
): number {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const size = 1 << (31 - DROPPED_BITS), counts = new Int32Array(size), masses = new Float64Array(size);
  for (let i = 0; i < values.length; i++) {
    counts[bits[i] >> DROPPED_BITS]++;
    masses[bits[i] >> DROPPED_BITS] += values[i];
  }
  let bucket = size - 1, count = 0, mass = 0;
  while (bucket > 0 && !until(count + counts[bucket], mass + masses[bucket])) {
    count += counts[bucket];
    mass += masses[bucket--];
  }
  const members = values.filter((_, i) => bits[i] >> DROPPED_BITS === bucket).sort().reverse();
  for (const value of members) {
    mass += value;
    if (until(++count, mass)) return value;
  }
  return members.at(-1) ?? 0;
}
