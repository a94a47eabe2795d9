"""Makes sampling_parity.json: which tokens the Hugging Face library's temperature, top-k and top-p leave of made-up logits.

    python test/golden/make_sampling_parity.py

Needs torch and transformers. The test wants the same tokens, exactly.
"""
import datetime
import json
import os

import torch
import transformers
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

torch.manual_seed(1)
rows = [(torch.randn(60) * scale).mul(1000).round().div(1000) for scale in (0.3, 1.5, 4.0)]
cases = []
for temperature, k, p in (
    (1.0, 5, 1.0),
    (0.7, 50, 0.9),
    (1.0, 0, 0.9),
    (1.5, 0, 0.9999),
    (1.0, 1, 0.5),
    (2.0, 20, 0.3),
    (1.0, 0, 0.01),
    (0.5, 60, 0.95),
    (1.0, 100, 0.99),
):
    warpers = LogitsProcessorList([TemperatureLogitsWarper(temperature)])
    if k > 0:
        warpers.append(TopKLogitsWarper(k))
    if p < 1:
        warpers.append(TopPLogitsWarper(p))
    kept = [torch.isfinite(warpers(None, row[None].clone())[0]).nonzero().flatten().tolist() for row in rows]
    cases.append({"temperature": temperature, "topK": k, "topP": p, "kept": kept})

out = {
    "made": {
        "by": "test/golden/make_sampling_parity.py",
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
    },
    "logits": [[round(float(value), 3) for value in row] for row in rows],
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sampling_parity.json")
lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in out.items()]
lines.append('"cases": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]")
with open(path, "w") as file:
    file.write("{\n" + ",\n".join(lines) + "\n}\n")
