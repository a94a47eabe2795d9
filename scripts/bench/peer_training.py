# The peer's supervised training step: forward, cross-entropy, backward, clipping, fused AdamW.
import torch

from peer_models import adamw, load_policy, made_up_tokens, output_weight


class Training:
    variants = ["eager"]

    def __init__(self, spec, folder):
        self.model = load_policy(f"{folder}/policy").train()
        self.optimiser = adamw(self.model, 1e-4, (0.9, 0.999), 0.01)
        shape = spec["model"]
        self.batches = [
            made_up_tokens(spec["batch"], spec["time"], shape["vocabulary"], seed) for seed in range(4)
        ]
        self.step = 0

    def checks(self):
        return {f"loss {step}": self.run("eager")["loss"] for step in range(3)}

    def run(self, _variant):
        tokens = self.batches[self.step % len(self.batches)]
        self.step += 1
        self.optimiser.zero_grad(set_to_none=True)
        hidden = self.model.base_model(tokens, use_cache=False).last_hidden_state
        logits = torch.nn.functional.linear(hidden[:, :-1].reshape(-1, hidden.shape[-1]), output_weight(self.model))
        loss = torch.nn.functional.cross_entropy(logits, tokens[:, 1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return {"loss": loss.item()}
