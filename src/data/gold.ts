// The gold measures by name. Only the Evaluator may call one inside a run; preparing data before it is the exception.
import { checkE2e, E2E_CHECKER_VERSION } from "./e2e_checker.ts";
import { checkMadeUp, MADE_UP_CHECKER_VERSION } from "./made_up_checker.ts";
import type { SlotErrors } from "./slot_errors.ts";

export type GoldKind = "made-up" | "e2e";

export interface GoldMeasure {
  name: GoldKind;
  /** Numbers of two versions are not comparable; it stands beside every result. */
  version: string;
  check(prompt: string, text: string): SlotErrors;
}

/** The measure of a task whose answers a program can judge. */
export function goldFor(kind: GoldKind): GoldMeasure {
  switch (kind) {
    case "made-up":
      return { name: kind, version: MADE_UP_CHECKER_VERSION, check: checkMadeUp };
    case "e2e":
      return { name: kind, version: E2E_CHECKER_VERSION, check: checkE2e };
    default: {
      const unknown: never = kind;
      throw new Error(`no gold measure "${unknown}"`);
    }
  }
}
