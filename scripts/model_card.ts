// The model card of an exported folder: what it is, how it was made, how to open it. No time and no path, so that equal
// runs export equal bytes.
import type { RunModels } from "./open_model.ts";

/** Text of `README.md`. */
export function modelCard(run: RunModels, head: "policy" | "reward"): string {
  return head === "policy" ? policyCard(run) : rewardCard(run);
}

/** Text of `README.md` beside the policy's adapter. */
export function adapterCard(
  run: RunModels,
  { baseModel, type }: { baseModel: string | null; type: "F32" | "BF16" },
): string {
  const rounded = type === "BF16" ? "The base's numbers count as rounded to bfloat16. " : "";
  return `---
library_name: peft
${baseModel === null ? "" : `base_model: ${baseModel}\n`}---
# Adapter of run ${run.run}, iteration ${run.iteration}

The policy as a LoRA adapter. ${howMade(run)}
${rounded}With the adapter it computes what the folder \`policy\` beside it does.

\`\`\`python
from peft import PeftModel
from transformers import AutoModelForCausalLM
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder)
\`\`\`
`;
}

function policyCard(run: RunModels): string {
  return `---
library_name: transformers
pipeline_tag: text-generation
---
# Policy of run ${run.run}, iteration ${run.iteration}

A language model that continues a prompt. ${howMade(run)}

\`\`\`python
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
inputs = tokenizer([prompt], return_tensors="pt", padding=True)
texts = tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True)
\`\`\`

${tokenizerText(run)}A text ends with the end-of-text token.
`;
}

function rewardCard(run: RunModels): string {
  return `---
library_name: transformers
pipeline_tag: text-classification
---
# Reward of run ${run.run}, iteration ${run.iteration}

A reward model r(prompt, continuation), learned without preference labels. ${howMade(run)}

The one logit is the reward, read at the last token that is no padding. Its mean over the demonstrations is zero, and
its scale was fitted on held-out pairs, so that a difference of rewards is a log-odds. Prompt and continuation are tokenized
apart and joined, and the continuation ends with the end-of-text token, as in training.

\`\`\`python
from transformers import AutoModelForSequenceClassification, AutoTokenizer
import torch
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder)
ids = tokenizer(prompt).input_ids + tokenizer(continuation).input_ids + [tokenizer.eos_token_id]
reward = model(torch.tensor([ids])).logits[0, 0].item()
\`\`\`
`;
}

/** A tokenizer that was built from the demonstrations knows no other words; a checkpoint's own does. */
function tokenizerText({ config }: RunModels): string {
  return config.model.start === "fresh"
    ? "The tokenizer knows the words of its demonstrations only; others become \`<unk>\`. "
    : "";
}

function howMade({ run, iteration, config }: RunModels): string {
  const { seed, preset, policy } = config;
  const start = `Made by run \`${run}\` (preset \`${preset}\`, seed ${seed})`;
  return iteration === 0
    ? `${start}: the policy that its iterations start from, before any reward.`
    : `${start}: supervised fine-tuning on demonstrations, then ${iteration} of ${config.iterations} iterations of inverse ` +
      `reinforcement learning from them: sampled continuations, a reward that prefers the demonstrations, and a policy ` +
      `optimised on that reward with KL coefficient ${policy.klCoefficient} to the fine-tuned model.`;
}
