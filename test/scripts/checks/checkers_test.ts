import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { equationViolations } from "../../../scripts/checks/equations.ts";
import { renewedReadme } from "../../../scripts/checks/readme.ts";
import { headerViolations, sizeViolations } from "../../../scripts/checks/sizes.ts";
import { topLevelViolations } from "../../../scripts/checks/top_level.ts";

const cited = { path: "src/math/a.ts", text: "/** Eq. (11): a loss */" };

describe("equationViolations()", () => {
  it("wants a test whose name states each cited equation", () => {
    assert.match(equationViolations([cited])[0], /Eq\. \(11\) is cited by src\/math\/a\.ts/);
    const test = {
      path: "test/src/math/a_test.ts",
      text: 'it("a() is ln 2 when equal (Eq. (11))", () => {})',
    };
    assert.deepEqual(equationViolations([cited, test]), []);
  });

  it("refuses a test that names an equation no code cites", () => {
    const test = { path: "test/b_test.ts", text: 'it("b() is Eq. (99)", () => {})' };
    assert.match(equationViolations([test])[0], /Eq\. \(99\) is in a test's name/);
  });
});

describe("sizeViolations()", () => {
  const text = "// a file\n" + "x;\n".repeat(400);

  it("refuses a file over its budget unless its header says why", () => {
    assert.equal(sizeViolations([{ path: "src/a.ts", text }]).length, 1);
    assert.deepEqual(sizeViolations([{ path: "src/a.ts", text: "// Size: one table\n" + text }]), []);
  });
});

describe("headerViolations()", () => {
  it("refuses a source file without a header comment", () => {
    assert.equal(headerViolations([{ path: "src/a.ts", text: "const a = 1;" }]).length, 1);
    assert.deepEqual(headerViolations([{ path: "src/a.ts", text: "// What it is.\n" }]), []);
  });
});

describe("topLevelViolations()", () => {
  it("names what the design does not know", () => {
    assert.equal(topLevelViolations(["src", "README.md", ".ci", "utils"]).length, 1);
  });
});

describe("renewedReadme()", () => {
  it("refuses a README whose markers are gone", () => {
    assert.throws(() => renewedReadme("# nothing", []), /lacks the markers of "state diagram"/);
  });
});
