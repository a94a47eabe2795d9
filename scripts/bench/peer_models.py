# Models and made-up tokens of the peer: what `deno task bench` wrote, opened by transformers with its fastest attention.
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification


def load_policy(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float32)
    return model.to(torch.get_default_device())


def load_reward(folder):
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, attn_implementation="sdpa", dtype=torch.float32
    )
    return model.to(torch.get_default_device()).eval()


def made_up_tokens(rows, time, vocabulary, seed):
    """The same tokens as madeUpTokens() of bench_models.ts: [rows, time]; none is a special one (0 and 1)."""
    row = torch.arange(rows).unsqueeze(1)
    place = torch.arange(time).unsqueeze(0)
    return 2 + (row * 7919 + place * 104729 + seed * 611953) % (vocabulary - 2)


def output_weight(model):
    """The output embedding of a causal model, tied or not."""
    return model.get_output_embeddings().weight


def rewards_of(model, tokens, last_index):
    """Raw scores of right-padded sequences, [batch], read at the last token alone. last_index is [batch]."""
    hidden = model.base_model(tokens, use_cache=False).last_hidden_state
    rows = torch.arange(tokens.shape[0])
    return model.score(hidden[rows, last_index]).squeeze(1)


def token_log_probabilities(model, tokens, labels, mask, temperature=1.0):
    """log pi(label) at the counted places of right-padded sequences; 0 elsewhere. [batch, time] each.

    Logits are computed at counted places only.
    """
    hidden = model.base_model(tokens, use_cache=False).last_hidden_state
    counted = mask.bool()
    logits = torch.nn.functional.linear(hidden[counted], output_weight(model))
    if temperature != 1.0:
        logits = logits / temperature
    picked = -torch.nn.functional.cross_entropy(logits, labels[counted], reduction="none")
    return torch.zeros(tokens.shape).masked_scatter(counted, picked)


def adamw(model, learning_rate, betas, weight_decay):
    return torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=betas, eps=1e-8, weight_decay=weight_decay, fused=True
    )

