// The contract of compute tiers as a suite: every case on one tier, in a Worker, compared with the tier "cpu".
import { beforeAll, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { TierOptions } from "../../../src/compute/tier.ts";
import { tierCases } from "./tier_cases.ts";
import type { CaseResult, TierReport } from "./tier_worker.ts";

/** Of a result's largest number, or of 1 if that is smaller. */
const TOLERANCE = 2e-5;

type Finished = Exclude<TierReport, { error: string }>;

/** Computed once a test file. */
let reference: Promise<Finished> | undefined;

/** Declares the tests of one tier. */
export function contract(options: TierOptions): void {
  let found: Finished, wanted: Finished;
  beforeAll(async () => {
    wanted = await (reference ??= report({ name: "cpu", threads: 1 }));
    found = options.name === "cpu" ? wanted : await report(options);
  });

  it("describes itself and prints nothing", () => {
    const { name, variant, threads } = found.description;
    assert.equal(name, options.name);
    if (options.variant !== undefined) assert.equal(variant, options.variant);
    assert.equal(threads, name === "native" || name === "wasm" ? options.threads : 1);
    assert.deepEqual(found.printed, []);
  });

  for (const { name } of tierCases) {
    it(`computes ${name} and leaks nothing`, () => {
      const result = caseOf(found, name);
      assert.equal(result.error, undefined);
      assert.deepEqual(result.leaked, { tensors: 0, buffers: 0 });
      assertNear(result, caseOf(wanted, name));
    });
  }
}

function caseOf({ results }: Finished, name: string): CaseResult {
  const result = results.find((candidate) => candidate.name === name);
  assert.ok(result, `no result for "${name}"`);
  return result;
}

function assertNear(result: CaseResult, wanted: CaseResult): void {
  assert.equal(result.outputs.length, wanted.outputs.length);
  wanted.outputs.forEach(({ shape, dtype, values }, index) => {
    const output = result.outputs[index];
    assert.deepEqual({ shape: output.shape, dtype: output.dtype }, { shape, dtype }, `output ${index}`);
    const scale = values.reduce(
      (most, value) => Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most,
      1,
    );
    values.forEach((value, i) => {
      const got = output.values[i];
      const fits = Object.is(got, value) || Math.abs(got - value) <= TOLERANCE * scale;
      assert.ok(fits, `output ${index} at ${i}: wanted ${value}, got ${got}`);
    });
  });
}

/** Runs all cases on one tier in a Worker of its own. */
async function report(options: TierOptions): Promise<Finished> {
  const worker = new Worker(new URL("./tier_worker.ts", import.meta.url), { type: "module" });
  const { port1, port2 } = new MessageChannel();
  try {
    const answer = await new Promise<TierReport>((resolve, reject) => {
      port1.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(options, [port2]);
    });
    if ("error" in answer) throw new Error(answer.error);
    return answer;
  } finally {
    port1.close();
    worker.terminate();
  }
}
