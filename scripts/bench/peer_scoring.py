# The peer's scoring: rewards of sequences of one length, in batches.
import torch

from peer_models import load_reward, made_up_tokens, rewards_of

BATCH = 128


class Scoring:
    variants = ["eager"]

    def __init__(self, spec, folder):
        self.model = load_reward(f"{folder}/reward")
        self.tokens = made_up_tokens(spec["sequences"], spec["time"], spec["model"]["vocabulary"], 0)

    @torch.inference_mode()
    def scores(self):
        last = torch.full((BATCH,), self.tokens.shape[1] - 1)
        return torch.cat([rewards_of(self.model, rows, last[: len(rows)]) for rows in self.tokens.split(BATCH)])

    def checks(self):
        scores = self.scores()
        return {"score of the first": scores[0].item(), "score of the last": scores[-1].item()}

    def run(self, _variant):
        return {"sequences": len(self.scores().tolist())}
