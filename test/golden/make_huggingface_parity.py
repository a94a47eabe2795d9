"""Makes huggingface_parity.json: what the Hugging Face library computes from the folders that we write.

    deno run -A test/golden/parity_model.ts DIR && python test/golden/make_huggingface_parity.py DIR

Needs torch and transformers. The model is tiny and made up (parity_model.ts); only these numbers are kept. Tolerance of the
test: 1e-4 on logits and rewards, exact on token ids and texts.
"""
import datetime
import json
import os
import sys
import tempfile

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

folder = sys.argv[1]
texts = json.load(open(f"{folder}/texts.json"))
tokenizer = AutoTokenizer.from_pretrained(f"{folder}/policy")
policy = AutoModelForCausalLM.from_pretrained(f"{folder}/policy").eval()
reward = AutoModelForSequenceClassification.from_pretrained(f"{folder}/reward").eval()
torch.set_grad_enabled(False)


def rounded(tensor):
    return [round(float(value), 6) for value in tensor.flatten()]


ids = [tokenizer(text).input_ids for text in texts]
# A prompt and its completion, joined, with the end; of different lengths, so that padding is in play.
sequences = [ids[2 * i] + ids[2 * i + 1] + [tokenizer.eos_token_id] for i in range(3)]
width = max(map(len, sequences))
padded = torch.tensor([row + [tokenizer.pad_token_id] * (width - len(row)) for row in sequences])
mask = (padded != tokenizer.pad_token_id).long()
logits = policy(padded, attention_mask=mask).logits
scores = torch.log_softmax(logits, -1)
likelihoods = [
    sum(float(scores[row, at - 1, sequences[row][at]]) for at in range(len(ids[2 * row]), len(sequences[row])))
    for row in range(3)
]
prompts = tokenizer([texts[0], texts[2]], return_tensors="pt", padding=True)
greedy = policy.generate(**prompts, do_sample=False, temperature=None, top_p=None, top_k=None)
new = greedy[:, prompts.input_ids.shape[1]:].tolist()
saved = {}
with tempfile.TemporaryDirectory() as copy:
    for name, model in (("policy", policy), ("reward", reward)):
        model.save_pretrained(f"{copy}/{name}")
        saved[name] = json.load(open(f"{copy}/{name}/config.json"))

out = {
    "made": {
        "by": "test/golden/make_huggingface_parity.py from test/golden/parity_model.ts",
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
        "tolerance": 1e-4,
    },
    "ids": ids,
    "decoded": [tokenizer.decode(row, skip_special_tokens=True) for row in ids],
    "sequences": sequences,
    "firstLogits": rounded(logits[0, : len(sequences[0])]),
    "lastLogits": [rounded(logits[row, len(sequences[row]) - 1]) for row in range(3)],
    "logLikelihoods": [round(value, 6) for value in likelihoods],
    "rewards": rounded(reward(padded, attention_mask=mask).logits),
    "greedy": new,
    "savedConfigs": saved,
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "huggingface_parity.json")
lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in out.items())
with open(path, "w") as file:
    file.write("{\n" + lines + "\n}\n")
