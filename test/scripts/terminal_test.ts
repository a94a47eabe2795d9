// Lines and progress: rewritten in place on a terminal, seldom elsewhere, and never mixed up.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { openTerminal } from "../../scripts/terminal.ts";

function recorded(columns: number | undefined) {
  let written = "", nowMs = 0;
  const terminal = openTerminal({ write: (text) => void (written += text), columns: () => columns }, {
    elapsedMs: () => nowMs,
  });
  return { terminal, pass: (ms: number) => void (nowMs += ms), written: () => written };
}

describe("openTerminal()", () => {
  it("rewrites progress in its line, and keeps it below what is said meanwhile", () => {
    const { terminal, written } = recorded(40);
    terminal.progress("1 of 3");
    terminal.line("an event");
    terminal.progress("2 of 3");
    terminal.progress("");
    const clear = "\r\x1b[2K";
    assert.equal(
      written(),
      `${clear}1 of 3${clear}an event\n${clear}1 of 3${clear}2 of 3${clear}`,
    );
  });

  it("cuts progress at the width, so that it stays one line", () => {
    const { terminal, written } = recorded(10);
    terminal.progress("a long progress text");
    assert.equal(written(), "\r\x1b[2Ka long pr");
  });

  it("tells progress in whole lines and seldom where nothing can be rewritten", () => {
    const { terminal, pass, written } = recorded(undefined);
    terminal.progress("1 of 9");
    pass(9_999);
    terminal.progress("2 of 9");
    pass(1);
    terminal.progress("3 of 9");
    pass(5_000);
    terminal.line("an event");
    pass(5_000);
    terminal.progress("4 of 9");
    terminal.progress("");
    assert.equal(written(), "3 of 9\nan event\n");
  });
});
