// Numbers of tables, at the places where their form changes.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { countText, durationText, rateText, signedText } from "../../../src/status/number_text.ts";

describe("rateText()", () => {
  it("drops the leading zero and keeps five characters", () => {
    const texts = [0, 0.0004, 0.3515, 0.9994, 0.9996, 1, -0.12, -0.0001, -1].map(rateText);
    assert.deepEqual(texts, [".000", ".000", ".351", ".999", "1.00", "1.00", "-.120", ".000", "-1.00"]);
  });
});

describe("signedText()", () => {
  it("always shows the sign of what is not zero", () => {
    assert.deepEqual([0.414, -0.066, 0.004, -0.004].map(signedText), ["+0.41", "-0.07", "0.00", "0.00"]);
  });
});

describe("countText()", () => {
  it("takes k and M at a thousand and a million", () => {
    const texts = [0, 999, 1000, 12_340, 99_949, 99_950, 999_499, 999_500, 1_236_000].map(countText);
    assert.deepEqual(texts, ["0", "999", "1.0k", "12.3k", "99.9k", "100k", "999k", "1.00M", "1.24M"]);
  });
});

describe("durationText()", () => {
  it("takes minutes and hours as they fill", () => {
    assert.deepEqual([0.4, 59.6, 200, 3599, 3600, 3900].map(durationText), [
      "0 s",
      "1 min 0 s",
      "3 min 20 s",
      "59 min 59 s",
      "1 h 00 min",
      "1 h 05 min",
    ]);
  });
});
