// The training steps with LoRA, compiled.
import { describe } from "@std/testing/bdd";
import { itTrainsWithLora } from "../../support/lora_training.ts";
import { nativeSkip, useNativeTier } from "../../support/native_tier.ts";

describe(`the training steps with LoRA on the tier "native"${nativeSkip ? ` (skipped: ${nativeSkip})` : ""}`, () => {
  itTrainsWithLora(useNativeTier(), nativeSkip);
});
