// `generation_config.json` in and out.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  type GenerationConfig,
  generationConfigFields,
  readGenerationConfig,
} from "../../../src/model/generation_config.ts";

const SAID: GenerationConfig = {
  doSample: true,
  temperature: 0.7,
  topK: 0,
  topP: 0.9,
  maxNewTokens: 64,
  bosId: 1,
  eosIds: [2, 7],
  padId: 3,
  suppressed: [3, 4],
};

describe("readGenerationConfig()", () => {
  it("undoes generationConfigFields(), with one end token, several or none", () => {
    for (const eosIds of [[], [2], [2, 7]]) {
      const config = { ...SAID, eosIds }, text = JSON.stringify(generationConfigFields(config));
      assert.deepEqual(readGenerationConfig(text, "file"), config);
    }
  });

  it("takes what the file does not say, or says as null, as null", () => {
    const text = JSON.stringify({ top_k: null, eos_token_id: 2, transformers_version: "5.24.0" });
    assert.deepEqual(readGenerationConfig(text, "file"), {
      doSample: null,
      temperature: null,
      topK: null,
      topP: null,
      maxNewTokens: null,
      bosId: null,
      eosIds: [2],
      padId: null,
      suppressed: [],
    });
  });

  it("names file and field of a value that is none", () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ temperature: 0 }, /^SchemaError: m\/g\.json: Correct "temperature": .*, is 0$/],
      [{ top_p: 1.5 }, /Correct "top_p"/],
      [{ eos_token_id: "</s>" }, /Correct "eos_token_id": must be a token id or a list of them, is "<\/s>"/],
      [{ do_sample: 1 }, /Correct "do_sample"/],
    ];
    for (const [fields, message] of cases) {
      assert.throws(() => readGenerationConfig(JSON.stringify(fields), "m/g.json"), message);
    }
    assert.throws(() => readGenerationConfig("", "m/g.json"), /it is not JSON/);
  });
});
