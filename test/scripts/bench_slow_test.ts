// `deno task bench` as a process: one small work on the tier that is always there, without a peer.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { describe, it } from "@std/testing/bdd";
import { BenchReport } from "../../scripts/bench/bench_result.ts";

describe("deno task bench", () => {
  it("measures a work alone and prints one JSON object", async () => {
    const script = fileURLToPath(new URL("../../scripts/bench.ts", import.meta.url));
    const options = ["--only", "scoring", "--rounds", "1", "--backend", "wasm", "--no-peer", "--json"];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-prompt", script, ...options],
      stdin: "null",
    }).output();
    const told = new TextDecoder().decode(stderr);
    assert.equal(code, 0, told);
    assert.match(told, /without a peer: left out/);
    const report = BenchReport.parse(JSON.parse(new TextDecoder().decode(stdout)));
    assert.equal(report.engines.peer, null);
    const [{ work, ours, ratio, counts }] = report.results;
    assert.equal(work, "scoring");
    assert.ok(ours.median > 0 && ratio === undefined);
    assert.deepEqual(counts, { ours: { sequences: 256 } });
  });
});
