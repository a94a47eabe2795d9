// Every architecture against the Hugging Face library, compiled on the tier "native".
import { describe } from "@std/testing/bdd";
import { itComputesWhatTransformersCompute } from "../../support/architecture_parity.ts";
import { nativeSkip, useNativeTier } from "../../support/native_tier.ts";

const skip = nativeSkip;

describe(`architectures on the tier native compute what transformers compute${skip ? ` (skipped: ${skip})` : ""}`, () => {
  itComputesWhatTransformersCompute(useNativeTier(), skip);
});
