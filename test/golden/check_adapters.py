"""Opens our LoRA adapters in PEFT and merges them there: the merged weights must be ours.

    deno run -A test/golden/exported_models.ts DIR && python test/golden/check_adapters.py DIR

Needs torch, transformers and peft.
"""
import json
import sys
import warnings

import peft
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

root = sys.argv[1]
for name, wanted in sorted(json.load(open(f"{root}/merged_weights.json")).items()):
    base = json.load(open(f"{root}/{name}/adapter_config.json"))["base_model_name_or_path"]
    kind = AutoModelForSequenceClassification if "-reward-" in name else AutoModelForCausalLM
    model = kind.from_pretrained(base)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # PEFT warns of missing and unexpected tensors
        adapted = peft.PeftModel.from_pretrained(model, f"{root}/{name}")
    merged = dict(adapted.merge_and_unload().named_parameters())
    worst = 0.0
    for tensor, values in wanted.items():
        if tensor == "embed_out.weight" and tensor not in merged:
            tensor = "lm_head.weight"  # transformers 5
        difference = merged[tensor].flatten()[: len(values)] - torch.tensor(values)
        worst = max(worst, difference.abs().max().item())
    assert worst <= 2e-6, f"{name}: merged weights differ by {worst}"
    print(f"{name}: {len(wanted)} tensors, at most {worst:.1e} apart")
print(f"PEFT {peft.__version__} merges every adapter as we do")
