"""Makes adamw_parity.json: 20 steps of torch.optim.AdamW after clip_grad_norm_, on made-up gradients.

    python test/golden/make_adamw_parity.py

Some gradients are longer than the clipping norm; the learning rate changes every step. Tolerance of the test: 1e-6.
"""
import datetime
import json
import os

import torch

STEPS, SIZE = 20, 6
torch.manual_seed(1)
start = torch.randn(SIZE)
gradients = torch.randn(STEPS, SIZE) * torch.tensor([0.05, 0.3, 2.0, 0.6, 10.0] * 4)[:, None]
rates = [0.05 * (1 - step / STEPS) for step in range(STEPS)]
cases = []
for settings in (
    {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0.01, "gradientNorm": 1.0},
    {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weightDecay": 0.0, "gradientNorm": 0.5},
    {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3, "weightDecay": 0.3, "gradientNorm": 100.0},
):
    parameter = torch.nn.Parameter(start.clone())
    optimiser = torch.optim.AdamW(
        [parameter],
        betas=(settings["beta1"], settings["beta2"]),
        eps=settings["epsilon"],
        weight_decay=settings["weightDecay"],
    )
    path = []
    for step in range(STEPS):
        parameter.grad = gradients[step].clone()
        torch.nn.utils.clip_grad_norm_([parameter], settings["gradientNorm"])
        optimiser.param_groups[0]["lr"] = rates[step]
        optimiser.step()
        path.append([round(float(value), 8) for value in parameter.detach()])
    cases.append({"settings": settings, "path": path})

out = {
    "made": {
        "by": "test/golden/make_adamw_parity.py",
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
        "tolerance": 1e-6,
    },
    "start": start.tolist(),
    "gradients": gradients.tolist(),
    "rates": rates,
    "cases": cases,
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "adamw_parity.json")
with open(path, "w") as file:
    file.write("{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in out.items()) + "\n}\n")
