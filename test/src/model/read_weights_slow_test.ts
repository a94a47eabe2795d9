// Memory of a whole process that reads a checkpoint: the flat vector and little else. Needs Linux's /proc.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { type ModelShape, numParameters } from "../../../src/model/model_shape.ts";
import { writeWeights } from "../../../src/model/write_weights.ts";
import { folderWriter } from "../../../src/store/folder_files.ts";
import { TINY_SHAPE } from "../../support/tiny_model.ts";

/** 38 M parameters, 151 MB as float32, of which the embedding is 66 MB. */
const MODEL: ModelShape = {
  ...TINY_SHAPE,
  vocabularySize: 32_000,
  hiddenSize: 512,
  intermediateSize: 2048,
  numLayers: 10,
};

describe("readWeights() in a process of its own", {
  skip: Deno.build.os === "linux" ? false : "needs /proc/self/status",
}, () => {
  for (const type of ["F32", "BF16"] as const) {
    it(`reads ${type} shards within the model and one tensor`, async () => {
      const model = MODEL, folder = Deno.makeTempDirSync();
      try {
        const flat = new Float32Array(numParameters(model)).fill(0.5);
        await writeWeights(folderWriter(folder), { model, flat }, { type, maxShardBytes: 50e6 });
        const child = new URL("read_weights_child.ts", import.meta.url).pathname;
        const { stdout, code } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--no-check", child, folder, JSON.stringify(model)],
          stderr: "inherit",
        }).output();
        assert.equal(code, 0);
        const { grown, bytes, last } = JSON.parse(new TextDecoder().decode(stdout));
        assert.deepEqual([bytes, last], [flat.byteLength, 0.5]);
        const largestTensor = 4 * model.vocabularySize * model.hiddenSize;
        assert.ok(grown <= bytes + largestTensor, `${grown} bytes for a model of ${bytes}`);
      } finally {
        Deno.removeSync(folder, { recursive: true });
      }
    });
  }
});
