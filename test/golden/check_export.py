"""Opens exported folders in transformers, as a causal model or a sequence classifier, and fails on any complaint.

    deno run -A test/golden/exported_models.ts DIR && python test/golden/check_export.py DIR

Needs torch and transformers, 4 or 5. Every folder in DIR must load without a missing, unexpected or mis-shaped tensor, its
logits must be finite, and its first 8 weights must be those of first_weights.json.
"""
import json
import os
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

root = sys.argv[1]
first_weights = json.load(open(f"{root}/first_weights.json"))
tokens = torch.tensor([[3, 5, 2, 7]])
torch.set_grad_enabled(False)

for name, wanted in sorted(first_weights.items()):
    folder = f"{root}/{name}"
    is_reward = "ForSequenceClassification" in json.load(open(f"{folder}/config.json"))["architectures"][0]
    kind = AutoModelForSequenceClassification if is_reward else AutoModelForCausalLM
    model, info = kind.from_pretrained(folder, output_loading_info=True)
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        assert not info.get(problem), f"{name}: {problem} {info[problem]}"
    parameters = dict(model.named_parameters())
    for tensor, values in wanted.items():
        if tensor == "embed_out.weight" and tensor not in parameters:
            tensor = "lm_head.weight"  # transformers 5
        got = parameters[tensor].float().flatten()[: len(values)].tolist()
        assert got == values, f"{name}: {tensor} is {got} instead of {values}"
    assert torch.isfinite(model(tokens).logits).all(), f"{name}: logits are not finite"
    print(f"{name}: {type(model).__name__}, {sum(p.numel() for p in model.parameters())} parameters")
print(f"{len(first_weights)} folders open in transformers {transformers.__version__}")
