# The peer's policy update by RLOO, as policy_objective.ts has it: rewards, log-ratios to the reference, leave-one-out advantages,
# one AdamW step on sequences that are padded on the right.
import torch

from peer_models import rewards_of, token_log_probabilities


class Sequences:
    """Prompts and continuations joined and padded on the right: tokens, labels and the mask of counted labels."""

    def __init__(self, prompts, prompt_lengths, tokens, counted, pad):
        """prompts [rows, width] right-padded, tokens and counted [rows, steps]."""
        rows, lengths = prompts.shape[0], counted.sum(1)
        total = prompt_lengths + lengths
        time = int(total.max())
        place = torch.arange(time).unsqueeze(0)
        own = place - prompt_lengths.unsqueeze(1)
        from_prompt = prompts.gather(1, place.clamp(max=prompts.shape[1] - 1).expand(rows, -1))
        from_own = tokens.gather(1, own.clamp(0, tokens.shape[1] - 1))
        joined = torch.where(own < 0, from_prompt, from_own)
        self.tokens = torch.where(place < total.unsqueeze(1), joined, pad)
        self.labels = torch.cat([self.tokens[:, 1:], self.tokens.new_full((rows, 1), pad)], 1)
        self.mask = ((own >= -1) & (own < lengths.unsqueeze(1) - 1)).float()
        self.last_index = total - 1
        self.rows = torch.arange(rows)

    def pick(self, rows):
        """Some of the rows, without the padding that they do not need."""
        part = object.__new__(Sequences)
        time = int(self.last_index[rows].max()) + 1
        part.rows = rows
        part.tokens, part.labels = self.tokens[rows, :time], self.labels[rows, :time]
        part.mask, part.last_index = self.mask[rows, :time], self.last_index[rows]
        return part

    def parts(self, size):
        """All rows in the order of their lengths, `size` at a time."""
        return [self.pick(rows) for rows in self.last_index.argsort(stable=True).split(size)]


@torch.inference_mode()
def reward_scores(model, parts, numRows):
    scores = torch.zeros(numRows)
    for part in parts:
        scores[part.rows] = rewards_of(model, part.tokens, part.last_index)
    return scores


@torch.inference_mode()
def sequence_scores(model, parts, numRows, temperature=1.0):
    totals = torch.zeros(numRows)
    for part in parts:
        totals[part.rows] = token_log_probabilities(
            model, part.tokens, part.labels, part.mask, temperature
        ).sum(1)
    return totals


def leave_one_out(credited, samples):
    groups = credited.view(-1, samples)
    others = (groups.sum(1, keepdim=True) - groups) / (samples - 1)
    advantages = (groups - others).flatten()
    return advantages / (advantages.std() + 1e-6)


def policy_update(policy, optimiser, parts, advantages, temperature):
    optimiser.zero_grad(set_to_none=True)
    counted = sum(part.mask.sum() for part in parts)
    for part in parts:
        logs = token_log_probabilities(policy, part.tokens, part.labels, part.mask, temperature).sum(1)
        (-(logs * advantages[part.rows]).sum() / counted).backward()
    torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimiser.step()
