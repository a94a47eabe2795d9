// Every architecture against the Hugging Face library, operation by operation on the tier "wasm".
import { describe } from "@std/testing/bdd";
import { itComputesWhatTransformersCompute } from "../../support/architecture_parity.ts";
import { useWasmTier } from "../../support/wasm_tier.ts";

describe("architectures on the tier wasm compute what transformers compute", () => {
  itComputesWhatTransformersCompute(useWasmTier(), false);
});
