// JSON Lines as people write them: blank lines, Windows line ends, and every way to be wrong, with file and line.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { SchemaError } from "../../../src/base/errors.ts";
import { decodeUtf8, parseJsonLines } from "../../../src/data/parse_json_lines.ts";

describe("parseJsonLines()", () => {
  it("passes over blank lines and keeps the numbers of the others", () => {
    assert.deepEqual(parseJsonLines('{"a":1}\r\n\n  \n[2]\n', "f.jsonl"), [
      { line: 1, value: { a: 1 } },
      { line: 4, value: [2] },
    ]);
  });

  it("names file and line of a row that is no JSON, and shows nothing of it", () => {
    assert.throws(() => parseJsonLines('{"a":1}\n{"secret": oops}\n', "f.jsonl"), (error) => {
      assert.ok(error instanceof SchemaError);
      assert.equal(error.message, "f.jsonl:2: Write one JSON object on each line: this line is not JSON");
      assert.deepEqual([error.file, error.line], ["f.jsonl", 2]);
      return true;
    });
  });

  it("tells the writer of one JSON list that rows stand on lines of their own", () => {
    assert.throws(
      () => parseJsonLines("[\n{},\n{}\n]", "f.json"),
      /f\.json:1: .*not a list over several lines/,
    );
  });

  it("refuses an empty file", () => {
    assert.throws(() => parseJsonLines(" \n\n", "f.jsonl"), {
      name: "SchemaError",
      message: "f.jsonl: Give at least one row: the file is empty",
    });
  });
});

describe("decodeUtf8()", () => {
  it("drops a byte order mark", () => {
    assert.equal(decodeUtf8(new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d]), "f"), "{}");
  });

  it("refuses bytes that are not UTF-8", () => {
    assert.throws(() => decodeUtf8(new Uint8Array([0x22, 0xe9, 0x22]), "f"), /f: Save the file as UTF-8/);
  });
});
