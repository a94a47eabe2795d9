"""Makes architecture_parity.json: what the Hugging Face library computes with tiny models of every architecture.

    deno run -A test/golden/architecture_models.ts DIR && python test/golden/make_architecture_parity.py DIR

Needs torch and transformers. The models are made up (architecture_models.ts); only these numbers are kept.
Tolerances of the test: 1e-4 on logits, rewards and parameters after ten AdamW steps, 1e-5 on losses, exact on greedy tokens.
"""
import datetime
import json
import os
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

folder = sys.argv[1]
given = json.load(open(f"{folder}/cases.json"))
sequences, pad, training = given["sequences"], given["pad"], given["training"]
width = max(map(len, sequences))
padded = torch.tensor([row + [pad] * (width - len(row)) for row in sequences])
mask = (padded != pad).long()
labels = padded.masked_fill(padded == pad, -100)
STRIDE = 211  # every so many-th parameter is kept


def rounded(values):
    return [round(float(value), 6) for value in values.flatten()]


def opened(kind, directory):
    model, report = kind.from_pretrained(directory, output_loading_info=True)
    assert not any(report.values()), report
    return model.eval()


def trained(policy, order):
    """Losses before each step, and what the parameters are in the end."""
    # The library's own name for embed_out, under which Pythia's files have it.
    named = {name.replace("lm_head", "embed_out"): value for name, value in policy.named_parameters()}
    optimiser = torch.optim.AdamW(
        policy.parameters(),
        lr=training["learningRate"],
        betas=(training["beta1"], training["beta2"]),
        eps=training["epsilon"],
        weight_decay=training["weightDecay"],
    )
    losses = []
    for _ in range(training["steps"]):
        optimiser.zero_grad()
        loss = policy(padded, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), training["gradientNorm"])
        optimiser.step()
        losses.append(round(float(loss), 7))
    flat = torch.cat([named[name.replace("lm_head", "embed_out")].detach().flatten() for name in order])
    return losses, rounded(flat[::STRIDE])


cases = []
for i, case in enumerate(given["cases"]):
    policy = opened(AutoModelForCausalLM, f"{folder}/{i}/policy")
    reward = opened(AutoModelForSequenceClassification, f"{folder}/{i}/reward")
    with torch.no_grad():
        logits = policy(padded, attention_mask=mask).logits
        rewards = reward(padded, attention_mask=mask).logits
        prompts = [row[:length] for row, length in zip(sequences, given["promptLengths"])]
        longest = max(map(len, prompts))
        greedy = policy.generate(
            torch.tensor([[pad] * (longest - len(row)) + row for row in prompts]),
            attention_mask=torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts]),
            do_sample=False,
            max_new_tokens=12,
            suppress_tokens=[pad],
        )[:, longest:].tolist()
    losses, parameters = trained(policy, case["order"])
    cases.append({
        "name": case["name"],
        "logits": [rounded(logits[row, length - 3 : length]) for row, length in enumerate(map(len, sequences))],
        "rewards": rounded(rewards),
        "greedy": greedy,
        "losses": losses,
        "parameters": parameters,
    })

out = {
    "made": {
        "by": "test/golden/make_architecture_parity.py from test/golden/architecture_models.ts",
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
        "tolerance": 1e-4,
        "lossTolerance": 1e-5,
        "stride": STRIDE,
    },
    "cases": cases,
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "architecture_parity.json")
lines = ",\n".join(json.dumps(case) for case in cases)
with open(path, "w") as file:
    file.write('{\n"made": ' + json.dumps(out["made"]) + ',\n"cases": [\n' + lines + "\n]\n}\n")
