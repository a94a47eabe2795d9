// What `deno task doctor` says of a tier that opened.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { openedState } from "../../scripts/doctor.ts";

const tier = { name: "native", variant: "graph", threads: 2, engine: "tensorflow 2.21.0" } as const;

describe("openedState()", () => {
  it("tells what opened, and in the same line why it is not the variant that one would wish for", () => {
    const opened = "opens and passes its self-test (native graph, 2 threads, tensorflow 2.21.0)";
    assert.equal(openedState(tier), opened);
    assert.equal(
      openedState({ ...tier, remark: "XLA compiles nothing here:\nno assembler" }),
      `${opened}; XLA compiles nothing here: no assembler`,
    );
  });
});
