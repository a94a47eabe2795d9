// PEFT's training of an adapter, compiled on the tier "native".
import { describe } from "@std/testing/bdd";
import { itTrainsAdaptersAsPeft } from "../../support/adapter_training.ts";
import { nativeSkip, useNativeTier } from "../../support/native_tier.ts";

describe(`loraAdapter() on the tier native${nativeSkip ? ` (skipped: ${nativeSkip})` : ""}`, () => {
  itTrainsAdaptersAsPeft(useNativeTier(), nativeSkip);
});
