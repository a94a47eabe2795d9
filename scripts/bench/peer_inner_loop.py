# The peer's RL inner loop: rollouts in one batch by either way of sampling, rewards, log-probabilities of the reference, and
# one policy step.
import torch

from peer_models import adamw, load_policy, load_reward, made_up_tokens
from peer_policy import Sequences, leave_one_out, policy_update, reward_scores, sequence_scores
from peer_sampling import sample, sample_by_generate

MICROBATCH = 64
KL = 0.3


class InnerLoop:
    variants = ["loop", "generate"]

    def __init__(self, spec, folder):
        self.samples = spec["samplesPerPrompt"]
        self.policy = load_policy(f"{folder}/policy").eval()
        self.reference = load_policy(f"{folder}/policy").eval()
        self.reward = load_reward(f"{folder}/reward")
        self.optimiser = adamw(self.policy, 2e-4, (0.9, 0.95), 0.0)
        self.prompts = made_up_tokens(spec["prompts"], spec["promptTokens"], spec["model"]["vocabulary"], 0)
        self.options = {"temperature": 1.0, "new_tokens": spec["newTokens"], "samples": self.samples}

    def checks(self):
        return self.run("loop")

    def run(self, variant):
        prompts = self.prompts.repeat_interleave(self.samples, 0)
        if variant == "generate":
            tokens, logs, counted = sample_by_generate(self.policy, prompts, self.options)
        else:
            tokens, logs, counted = sample(self.policy, self.prompts, self.options)
        lengths = torch.full((prompts.shape[0],), prompts.shape[1])
        sequences = Sequences(prompts, lengths, tokens, counted, 0)
        parts, rows = sequences.parts(MICROBATCH), prompts.shape[0]
        rewards = reward_scores(self.reward, parts, rows)
        ratios = logs.sum(1) - sequence_scores(self.reference, parts, rows)
        policy_update(self.policy, self.optimiser, parts, leave_one_out(rewards - KL * ratios, self.samples), 1.0)
        return {
            "tokensGenerated": int(counted.sum()),
            "tokensTrained": int((sequences.last_index + 1).sum()),
            "reward of rollouts": rewards.mean().item(),
            "kl of rollouts": ratios.mean().item(),
        }
