// The training steps with LoRA on the tier "cpu".
import { describe } from "@std/testing/bdd";
import { useCpuTier } from "../../support/cpu_tier.ts";
import { itTrainsWithLora } from "../../support/lora_training.ts";

describe("the training steps with LoRA", () => itTrainsWithLora(useCpuTier()));
