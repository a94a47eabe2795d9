"""Makes huggingface_folders.json: folders that transformers saves, of tiny random models, as base64, and their tensors' digests.

    python test/golden/make_huggingface_folders.py

Needs torch, safetensors and transformers 5. Shards, float16, bfloat16, tied and untied heads; the folder "neox_old" is as
transformers 4 wrote it: its spelling of config.json, masks and angles stored beside the weights, both copies of a tied head.
A digest is the start of sha256 of the tensor's float32 bytes, little-endian; the test is exact.
"""
import base64
import datetime
import hashlib
import json
import os
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import (
    GPTNeoXConfig, GPTNeoXForCausalLM, GPTNeoXForSequenceClassification, LlamaConfig, LlamaForCausalLM,
    LlamaForSequenceClassification, MistralConfig, MistralForCausalLM, MistralForSequenceClassification,
)

torch.manual_seed(0)
SIZES = dict(vocab_size=12, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12)
ROPE = dict(rope_type="default", rope_theta=500.0, partial_rotary_factor=0.5)
NEOX = dict(SIZES, max_position_embeddings=32, pad_token_id=1, rope_parameters=ROPE)
GROUPED = dict(SIZES, max_position_embeddings=64, pad_token_id=1, num_key_value_heads=1)
MODELS = {
    "neox": (GPTNeoXForCausalLM, GPTNeoXConfig(**NEOX), torch.float32, "3KB"),
    "neox_tied": (
        GPTNeoXForCausalLM,
        GPTNeoXConfig(**NEOX, tie_word_embeddings=True, use_parallel_residual=False, layer_norm_eps=1e-6),
        torch.bfloat16, "1GB",
    ),
    "neox_reward": (GPTNeoXForSequenceClassification, GPTNeoXConfig(**NEOX, num_labels=1), torch.float32, "1GB"),
    "llama": (LlamaForCausalLM, LlamaConfig(**GROUPED, tie_word_embeddings=True), torch.bfloat16, "1KB"),
    "llama_reward": (LlamaForSequenceClassification, LlamaConfig(**GROUPED, num_labels=1), torch.bfloat16, "1GB"),
    "mistral": (
        MistralForCausalLM, MistralConfig(**GROUPED, head_dim=6, sliding_window=16), torch.float16, "1GB",
    ),
    "mistral_reward": (
        MistralForSequenceClassification, MistralConfig(**GROUPED, num_labels=1, sliding_window=None),
        torch.bfloat16, "2KB",
    ),
}


def digest(tensor):
    return hashlib.sha256(tensor.detach().to(torch.float32).contiguous().numpy().tobytes()).hexdigest()[:16]


def contents(folder):
    kept = [name for name in sorted(os.listdir(folder)) if name != "generation_config.json"]
    return {name: base64.b64encode(open(f"{folder}/{name}", "rb").read()).decode() for name in kept}


def saved_tensors(folder):
    files = [name for name in os.listdir(folder) if name.endswith(".safetensors")]
    return {name: tensor for file in files for name, tensor in load_file(f"{folder}/{file}").items()}


def old_neox(folder):
    """What transformers 4.20 saved for a tied GPT-NeoX."""
    tensors = saved_tensors(folder)
    wanted = {name: digest(tensor) for name, tensor in tensors.items()}
    for layer in range(SIZES["num_hidden_layers"]):
        attention = f"gpt_neox.layers.{layer}.attention"
        tensors[f"{attention}.bias"] = torch.tril(torch.ones(32, 32, dtype=torch.bool)).view(1, 1, 32, 32)
        tensors[f"{attention}.masked_bias"] = torch.tensor(-1e9)
        tensors[f"{attention}.rotary_emb.inv_freq"] = torch.ones(1)
    tensors["embed_out.weight"] = tensors["gpt_neox.embed_in.weight"].clone()
    save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})
    config = json.load(open(f"{folder}/config.json"))
    for name in ("rope_parameters", "dtype", "attention_bias"):
        del config[name]
    config.update(rotary_pct=0.5, rotary_emb_base=500, torch_dtype="bfloat16", transformers_version="4.20.0")
    json.dump(config, open(f"{folder}/config.json", "w"), indent=2)
    return wanted


folders = {}
with tempfile.TemporaryDirectory() as root:
    for name, (kind, config, dtype, shard) in MODELS.items():
        folder = f"{root}/{name}"
        kind(config).to(dtype).save_pretrained(folder, max_shard_size=shard)
        tensors = {key: digest(tensor) for key, tensor in sorted(saved_tensors(folder).items())}
        folders[name] = {"files": contents(folder), "tensors": tensors}
    wanted = old_neox(f"{root}/neox_tied")
    folders["neox_old"] = {"files": contents(f"{root}/neox_tied"), "tensors": wanted}

out = {
    "made": {
        "by": "test/golden/make_huggingface_folders.py",
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
        "tolerance": 0,
    },
    "folders": folders,
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "huggingface_folders.json")
with open(path, "w") as file:
    json.dump(out, file, indent=0)
    file.write("\n")
