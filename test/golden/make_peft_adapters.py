"""Makes peft_adapters.json: adapters that PEFT saves for our tiny models, as base64, and the weights that it merges.

    deno run -A test/golden/exported_models.ts DIR && python test/golden/make_peft_adapters.py DIR

Needs torch, transformers and peft. Of each adapted tensor the first four numbers are kept; tolerance of the test: 2e-6. Of a
policy also the losses of ten AdamW steps of the adapter alone, from the saved one on; tolerance: 1e-4.
"""
import base64
import datetime
import json
import os
import sys

import peft
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peft_adapters.json")
os.chdir(sys.argv[1])  # so that adapters name their base without a folder of this machine
torch.manual_seed(0)
CASES = {
    "neox-policy": dict(r=2, lora_alpha=6, target_modules="all-linear", use_rslora=True),
    "llama-reward": dict(r=3, lora_alpha=4, target_modules=["q_proj", "v_proj"]),
    "mistral-policy": dict(r=1, lora_alpha=1, target_modules=["self_attn.k_proj", "model.layers.1.mlp.down_proj"]),
}

TOKENS = [[3, 5, 2, 7, 8, 4], [6, 2, 2, 5, 3, 0]]
ADAMW = dict(lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)


def trained(model):
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], **ADAMW)
    tokens, losses = torch.tensor(TOKENS), []
    for _ in range(10):
        loss = model(input_ids=tokens, labels=tokens).loss
        losses.append(round(loss.item(), 6))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return losses


adapters = {}
for name, fields in CASES.items():
    is_reward = name.endswith("reward")
    kind = AutoModelForSequenceClassification if is_reward else AutoModelForCausalLM
    base = kind.from_pretrained(f"{name}-F32")
    before = {key: tensor.clone() for key, tensor in base.state_dict().items()}
    model = peft.get_peft_model(base, peft.LoraConfig(task_type="SEQ_CLS" if is_reward else "CAUSAL_LM", **fields))
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.3)
    saved = f"{name}-peft"
    model.save_pretrained(saved)
    files = {
        file: base64.b64encode(open(f"{saved}/{file}", "rb").read()).decode()
        for file in ("adapter_config.json", "adapter_model.safetensors")
    }
    losses = [] if is_reward else trained(model)
    model = peft.PeftModel.from_pretrained(kind.from_pretrained(f"{name}-F32"), saved)
    merged = model.merge_and_unload().state_dict()
    changed = {
        key: [float(value) for value in tensor.flatten()[:4]]
        for key, tensor in sorted(merged.items())
        if not torch.equal(tensor, before[key])
    }
    adapters[name] = {"files": files, "merged": changed, "losses": losses}

out = {
    "made": {
        "by": "test/golden/make_peft_adapters.py from test/golden/exported_models.ts",
        "peft": peft.__version__,
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
        "tolerance": 2e-6,
    },
    "tokens": TOKENS,
    "adamW": ADAMW,
    "adapters": adapters,
}
with open(path, "w") as file:
    json.dump(out, file, indent=0)
    file.write("\n")
