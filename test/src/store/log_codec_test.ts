// The codec finds every damage at its line, and takes nothing else for damage.
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import assert from "node:assert/strict";
import { canonicalJson, sha256 } from "../../../src/base/canonical.ts";
import { DamageError, SchemaError } from "../../../src/base/errors.ts";
import { emptyHead, encodeRecord, logStart, scanLog } from "../../../src/store/log_codec.ts";
import { openMemoryLog } from "../../../src/store/memory_log.ts";
import { recorded, sampleRecord, sampleRecords, spelledLine } from "./store_fixtures.ts";

const encoder = new TextEncoder();
const lines = recorded(12).map((record) => `${spelledLine(record)}\n`);
const bytes = encoder.encode(lines.join(""));
/** Offsets just behind each newline. */
const ends = Array.from(bytes.entries()).filter(([, byte]) => byte === 10).map(([i]) => i + 1);

function damagedAt(line: number, what = /./) {
  return (error: unknown) =>
    error instanceof DamageError && error.file === "f" && error.line === line && what.test(error.message) &&
    error.message.startsWith(`f:${line}: `);
}

/** A line with a correct hash around any body text. */
function sealed(body: string): string {
  return `${body},"hash":"${sha256(body)}"}\n`;
}

describe("encodeRecord()", () => {
  it("encodeRecord() writes envelope keys in the promised order and sorted keys inside data and meta", () => {
    const { line } = encodeRecord(
      { ...sampleRecord(0), data: { v: 1, b: 1, a: 2 }, meta: { d: 1, c: 2 } },
      { run: "r", sequence: 0, head: emptyHead },
    );
    const text = new TextDecoder().decode(line);
    assert.deepEqual(
      Object.keys(JSON.parse(text)),
      ["v", "run", "seq", "id", "at", "type", "data", "meta", "commands", "prev", "hash"],
    );
    assert.ok(text.includes('"data":{"a":2,"b":1,"v":1},"meta":{"c":2,"d":1},"commands":'));
  });

  it('encodeRecord() hashes the bytes before the last `,"hash":`, also when data holds that text', () => {
    const data = { v: 1, text: ',"hash":"é', hash: "x" };
    const { line, record } = encodeRecord({ ...sampleRecord(0), data }, {
      run: "r",
      sequence: 0,
      head: emptyHead,
    });
    const text = new TextDecoder().decode(line);
    assert.equal(record.hash, sha256(text.slice(0, text.lastIndexOf(',"hash":'))));
    assert.deepEqual(scanLog(line, "f").records, [record]);
  });

  it("encodeRecord() and scanLog() return any JSON as it was", () => {
    fc.assert(
      fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 5 }), (values) => {
        const { log } = openMemoryLog("r");
        const appended = log.append(
          values.map((value, i) => ({ ...sampleRecord(i), data: { ...value, v: 1 }, meta: value })),
          0,
        );
        const read = scanLog(
          encoder.encode(appended.map((record) => `${spelledLine(record)}\n`).join("")),
          "f",
        );
        assert.deepEqual(read.records, appended);
        read.records.forEach((record, i) =>
          assert.equal(canonicalJson(record.meta), canonicalJson(values[i]))
        );
      }),
      { numRuns: 100, seed: 1 },
    );
  });
});

describe("scanLog()", () => {
  it("scanLog() reads back every record, its end and its head", () => {
    const scan = scanLog(bytes, "f");
    assert.deepEqual(scan.records, recorded(12));
    assert.deepEqual(scan.position, {
      run: "r",
      sequence: 12,
      head: scan.records[11].hash,
      end: bytes.length,
      newlineMissing: false,
    });
    assert.equal(scan.tornBytes, 0);
  });

  it("scanLog() of no bytes is the start of a log", () => {
    assert.deepEqual(scanLog(new Uint8Array(), "f"), { records: [], position: logStart(), tornBytes: 0 });
  });

  it("scanLog() of a log cut at any byte gives exactly the complete records before it", () => {
    for (let length = 0; length <= bytes.length; length++) {
      const { records, position, tornBytes } = scanLog(bytes.subarray(0, length), "f");
      const whole = ends.filter((end) => end - 1 <= length).length;
      assert.equal(records.length, whole, `cut at ${length}`);
      assert.equal(tornBytes, length - position.end, `cut at ${length}`);
      const newlineMissing = ends.includes(length + 1);
      assert.equal(position.newlineMissing, newlineMissing, `cut at ${length}`);
      assert.equal(position.end, newlineMissing ? length : [0, ...ends][whole], `cut at ${length}`);
    }
  });

  it("scanLog() finds any flipped bit at its very line, the last line and its newline included", () => {
    for (let i = 0; i < bytes.length; i++) {
      const line = ends.findIndex((end) => i < end) + 1;
      for (const bit of i < ends[1] || i >= ends[10] ? [1, 2, 4, 8, 16, 32, 64, 128] : [1, 32, 128]) {
        const flipped = bytes.slice();
        flipped[i] ^= bit;
        assert.throws(() => scanLog(flipped, "f"), damagedAt(line), `byte ${i}, bit ${bit}`);
      }
    }
  });

  it("scanLog() finds a removed, doubled, exchanged and inserted line", () => {
    const scanLines = (...chosen: string[]) => () => scanLog(encoder.encode(chosen.join("")), "f");
    const [a, b, c] = lines;
    assert.throws(scanLines(b, c), damagedAt(1, /seq 2/));
    assert.throws(scanLines(a, c), damagedAt(2, /seq 3/));
    assert.throws(scanLines(a, a, b), damagedAt(2, /seq 1/));
    assert.throws(scanLines(a, c, b), damagedAt(2, /seq 3/));
    assert.throws(scanLines(a, "\n", b), damagedAt(2));
    assert.throws(scanLines(a, "{}\n", b), damagedAt(2));
  });

  it("scanLog() finds a line of another history or of another run", () => {
    const other = openMemoryLog("r").log.append([sampleRecord(7), ...sampleRecords(1)], 0);
    assert.throws(
      () => scanLog(encoder.encode(`${lines[0]}${spelledLine(other[1])}\n`), "f"),
      damagedAt(2, /does not continue/),
    );
    const [first, second] = recorded(2);
    const foreign = spelledLine({ ...second, run: "s", prev: first.hash });
    assert.throws(() => scanLog(encoder.encode(`${lines[0]}${foreign}\n`), "f"), damagedAt(2, /run "s"/));
    const after = logStart("s");
    assert.throws(() => scanLog(bytes, "f", { after }), damagedAt(1, /run "r", not to "s"/));
  });

  it("scanLog() refuses another spelling of the same record, even with a fitting hash", () => {
    const body = lines[0].slice(0, lines[0].lastIndexOf(',"hash":'));
    const respelled: [string, string][] = [
      ["space", body.replace('"v":1', '"v": 1')],
      ["number", body.replace('"seq":1', '"seq":1.0')],
      ["escape", body.replace("h\u00e9", "h\\u00e9")],
      ["order", body.replace(/^\{"v":1,"run":"r"/, '{"run":"r","v":1')],
      ["order in data", body.replace('{"a":true,"b":[1.5,-2e-9]}', '{"b":[1.5,-2e-9],"a":true}')],
      ["byte order mark", `\ufeff${body}`],
      ["doubled key", body.replace('"meta":', '"meta":{},"meta":')],
    ];
    for (const [name, text] of respelled) {
      assert.notEqual(text, body, name);
      assert.throws(() => scanLog(encoder.encode(sealed(text)), "f"), damagedAt(1, /canonical|JSON/), name);
    }
  });

  it("scanLog() refuses a sealed line that is no record and says what is wrong", () => {
    const body = lines[0].slice(0, lines[0].lastIndexOf(',"hash":'));
    const wrong: [string, RegExp][] = [
      [body.replace('"type":"ThingHappened"', '"type":""'), /type/],
      [body.replace('"v":1,"run"', '"v":0,"run"'), /v:/],
      [body.replace('"run":"r"', '"run":"R"'), /run/],
      [body.replace('"v":1,"run"', '"v":1,"extra":1,"run"'), /extra/],
      [body.replace('"v":1,"run"', '"v":1,"__proto__":1,"run"'), /__proto__|canonical/],
      [body.replace(/"meta":\{[^}]*\}/, '"meta":[]'), /meta/],
      ['{"v":1', /run/],
      ["[1", /JSON/],
    ];
    for (const [text, what] of wrong) {
      assert.throws(() => scanLog(encoder.encode(sealed(text)), "f"), damagedAt(1, what), text);
    }
  });

  it("scanLog() of a newer version's line asks to upgrade, with file and line", () => {
    const body = lines[1].slice(0, lines[1].lastIndexOf(',"hash":')).replace('"v":1', '"v":2,"new":[]');
    assert.throws(
      () => scanLog(encoder.encode(lines[0] + sealed(body)), "f"),
      (error) =>
        error instanceof SchemaError && error.line === 2 &&
        /^f:2: Upgrade .*newer version/.test(error.message),
    );
  });

  it("scanLog() refuses text that is no UTF-8 and a byte order mark", () => {
    assert.throws(() => scanLog(Uint8Array.of(0xff, 0xfe, 10), "f"), damagedAt(1));
    assert.throws(() => scanLog(Uint8Array.of(0xef, 0xbb, 0xbf, ...bytes), "f"), damagedAt(1));
  });

  it("scanLog() refuses a line over 64 KB without reading into it", () => {
    const long = encoder.encode(`${lines[0]}{"v":1,"run":"r","seq":2,"id":"${"x".repeat(70_000)}`);
    assert.throws(() => scanLog(long, "f"), damagedAt(2, /65536/));
    assert.throws(() => scanLog(Uint8Array.of(...long, 10), "f"), damagedAt(2, /65536/));
  });

  it("scanLog() takes for torn only what can be the beginning of the next line", () => {
    const tail = (text: string) => () => scanLog(encoder.encode(lines[0] + text), "f");
    assert.equal(tail('{"v":1,"run":"r","seq":2,"id":"half')().tornBytes, 35);
    assert.equal(tail("{")().tornBytes, 1);
    assert.equal(tail("\0\0\0\0")().tornBytes, 4, "room without content, after a power failure");
    assert.equal(tail('{"v":1,"run":\0\0')().tornBytes, 15);
    for (
      const text of [
        "x",
        "\r",
        '{"v":1,"run":"s"',
        '{"v":1,"run":"r","seq":3,',
        "{}",
        `${lines[1].trimEnd()}x`,
      ]
    ) {
      assert.throws(tail(text), damagedAt(2), text);
    }
    assert.throws(tail(`${lines[1].trimEnd()}\0`), damagedAt(2), "a complete record and something behind it");
  });

  it("scanLog() from a position goes on exactly as from the start", () => {
    for (let cut = 0; cut <= bytes.length; cut += 7) {
      const first = scanLog(bytes.subarray(0, cut), "f");
      const rest = scanLog(bytes.subarray(first.position.end), "f", { after: first.position });
      assert.deepEqual([...first.records, ...rest.records], recorded(12), `cut at ${cut}`);
      assert.equal(rest.position.end, bytes.length);
    }
    for (const end of ends.slice(0, 3)) {
      const first = scanLog(bytes.subarray(0, end - 1), "f");
      assert.equal(first.position.newlineMissing, true);
      const onlyNewline = scanLog(bytes.subarray(end - 1, end), "f", { after: first.position });
      const rest = scanLog(bytes.subarray(onlyNewline.position.end), "f", { after: onlyNewline.position });
      assert.equal(first.records.length + rest.records.length, 12);
      assert.throws(
        () => scanLog(encoder.encode("x"), "f", { after: first.position }),
        damagedAt(first.records.length),
      );
    }
  });

  it("scanLog() verifies 10,000 records in at most a few seconds", () => {
    const many = encoder.encode(recorded(10_000).map((record) => `${spelledLine(record)}\n`).join(""));
    const start = performance.now();
    const { position } = scanLog(many, "f");
    const milliseconds = performance.now() - start;
    assert.equal(position.sequence, 10_000);
    // About 300 ms alone on two cores; the bound only catches something quadratic.
    assert.ok(milliseconds < 5000, `took ${Math.round(milliseconds)} ms`);
  });
});
