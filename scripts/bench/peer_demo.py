# The peer's iteration of the preset `demo`: sample, learn the reward, 60 policy steps, evaluate. Every step works on whole
# batches with a key-value cache; texts are never made, so that checking them against the gold measure costs it nothing.
import json
import math
import time

import torch

from peer_models import adamw, load_policy, load_reward, rewards_of
from peer_policy import Sequences, leave_one_out, policy_update, reward_scores, sequence_scores
from peer_sampling import sample

SCORING_BATCH = 128
MEASURED_PAIRS = 1000


def padded(rows, pad, left=False):
    """Lists of tokens as [rows, width] and their lengths."""
    lengths = torch.tensor([len(row) for row in rows])
    width = int(lengths.max())
    fill = [([pad] * (width - len(row)) + row) if left else (row + [pad] * (width - len(row))) for row in rows]
    return torch.tensor(fill), lengths


def set_rate(optimiser, settings, step, steps):
    warmup = settings["warmupSteps"]
    factor = (min(1, (step + 1) / warmup) if warmup else 1) * max(settings["rateFloor"], 1 - step / steps)
    for group in optimiser.param_groups:
        group["lr"] = settings["learningRate"] * factor


class Demo:
    variants = ["eager"]

    def __init__(self, spec, folder):
        with open(f"{folder}/data.json", encoding="utf-8") as file:
            self.data = json.load(file)
        self.folder, self.steps, self.settings = folder, spec["policySteps"], self.data["settings"]
        self.eos, self.pad, self.unk = self.data["eos"], self.data["pad"], self.data["unk"]

    def checks(self):
        self.load()
        self.optimise_policy(1, 1.0, 0.0)
        return {"demonstrations": len(self.data["demonstrations"]), "prompts": len(self.data["prompts"])}

    def run(self, _variant):
        return self.iterate(self.steps)

    def load(self):
        self.sft, self.policy = (load_policy(f"{self.folder}/policy").eval() for _ in range(2))
        self.reward = load_reward(f"{self.folder}/reward")

    def iterate(self, steps):
        self.load()
        times = [time.perf_counter()]
        pairs, sampled = self.sample_generations()
        times.append(time.perf_counter())
        scale, shift = self.learn_reward(pairs)
        times.append(time.perf_counter())
        rolled = self.optimise_policy(steps, scale, shift)
        times.append(time.perf_counter())
        evaluated = self.evaluate()
        times.append(time.perf_counter())
        names = ["sampleSeconds", "rewardSeconds", "policySeconds", "evaluateSeconds"]
        seconds = {name: after - before for name, before, after in zip(names, times, times[1:])}
        return {**seconds, "tokensSampled": sampled, "tokensRolledOut": rolled, "tokensEvaluated": evaluated}

    def generate(self, model, prompts, temperature, new_tokens, batch_size, samples=1):
        """Continuations of any number of prompts, `samples` each, as lists, and their log-probabilities."""
        texts, logs = [], []
        options = {
            "temperature": temperature,
            "new_tokens": new_tokens,
            "samples": samples,
            "eos": self.eos,
            "pad": self.pad,
            "forbidden": [self.pad, self.unk],
        }
        for start in range(0, len(prompts), batch_size // samples):
            batch, lengths = padded(prompts[start : start + batch_size // samples], self.pad, left=True)
            mask = (torch.arange(batch.shape[1]) >= batch.shape[1] - lengths.unsqueeze(1)).long()
            tokens, drawn, counted = sample(model, batch, options, mask)
            for row, length in zip(tokens.tolist(), counted.sum(1).tolist()):
                texts.append(row[:length])
            logs.append((drawn * counted).sum(1))
        return texts, torch.cat(logs)

    def joined(self, prompts, texts):
        prompt_rows, lengths = padded(prompts, self.pad)
        rows, own = padded(texts, self.pad)
        counted = torch.arange(rows.shape[1]) < own.unsqueeze(1)
        return Sequences(prompt_rows, lengths, rows, counted, self.pad)

    def sample_generations(self):
        settings, rows = self.settings["generation"], self.data["demonstrations"]
        texts, _ = self.generate(
            self.policy,
            [prompt for prompt, _ in rows],
            settings["temperature"],
            settings["maxNewTokens"],
            settings["batchSize"],
            settings["negatives"],
        )
        pairs = [
            (i // settings["negatives"], texts[i])
            for i in range(len(texts))
            if self.unk not in rows[i // settings["negatives"]][1]
        ]
        return pairs, sum(map(len, texts))

    def learn_reward(self, pairs):
        settings, rows = self.settings["reward"], self.data["demonstrations"]
        held = [pair for pair in pairs if pair[0] % settings["heldOutEvery"] == 0]
        training = [pair for pair in pairs if pair[0] % settings["heldOutEvery"] != 0]
        size = settings["batchSize"]
        optimiser = adamw(self.reward, settings["learningRate"], (0.9, 0.999), settings["weightDecay"])
        steps = max(1, round(settings["epochs"] * (len(training) // size)))
        for step in range(steps):
            if step % max(1, len(training) // size) == 0:
                order = torch.randperm(len(training)).tolist()
            start = step % max(1, len(training) // size) * size
            batch = [training[i] for i in order[start : start + size]]
            prompts = [rows[row][0] for row, _ in batch]
            both = self.joined(prompts * 2, [rows[row][1] for row, _ in batch] + [text for _, text in batch])
            set_rate(optimiser, settings, step, steps)
            optimiser.zero_grad(set_to_none=True)
            good, bad = rewards_of(self.reward, both.tokens, both.last_index).chunk(2)
            loss = torch.nn.functional.softplus(bad - good).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.reward.parameters(), settings["gradientNorm"])
            optimiser.step()
            loss.item()
        return self.unit_of(held[:MEASURED_PAIRS])

    def unit_of(self, held):
        """Scale and shift of the reward: a logistic fit on held-out pairs, and the mean of demonstrations."""
        rows = self.data["demonstrations"]
        prompts = [rows[row][0] for row, _ in held]
        scores = self.score(prompts * 2, [rows[row][1] for row, _ in held] + [text for _, text in held])
        good, bad = scores.chunk(2)
        scales = torch.logspace(-1.5, 1.5, 121).unsqueeze(1)
        losses = torch.nn.functional.softplus(-(good - bad) * scales).mean(1)
        scale = scales[losses.argmin()].item()
        own = self.score([p for p, _ in rows[:MEASURED_PAIRS]], [c for _, c in rows[:MEASURED_PAIRS]])
        return scale, own.mean().item()

    def score(self, prompts, texts):
        return reward_scores(self.reward, self.joined(prompts, texts).parts(SCORING_BATCH), len(texts))

    def optimise_policy(self, steps, scale, shift):
        settings, generated = self.settings["policy"], 0
        samples, temperature = settings["samplesPerPrompt"], settings["temperature"]
        optimiser = adamw(self.policy, settings["learningRate"], (0.9, 0.95), settings["weightDecay"])
        for step in range(steps):
            picked = torch.randperm(len(self.data["prompts"]))[: settings["promptsPerStep"]].tolist()
            prompts = [self.data["prompts"][i] for i in picked]
            rows = len(prompts) * samples
            texts, logs = self.generate(self.policy, prompts, temperature, settings["maxNewTokens"], rows, samples)
            sequences = self.joined([prompt for prompt in prompts for _ in range(samples)], texts)
            parts = sequences.parts(settings["microbatchSize"])
            unfinished = torch.tensor([text[-1] != self.eos for text in texts]).float()
            rewards = scale * (reward_scores(self.reward, parts, rows) - shift)
            ratios = logs - sequence_scores(self.sft, parts, rows, temperature)
            credited = rewards - settings["noEosPenalty"] * unfinished - settings["klCoefficient"] * ratios
            set_rate(optimiser, settings, step, steps)
            policy_update(self.policy, optimiser, parts, leave_one_out(credited, samples), temperature)
            generated += sum(map(len, texts))
        return generated

    def evaluate(self):
        settings, held = self.settings["evaluation"], self.data["evaluation"]
        prompts, samples = [prompt for prompt, _ in held], settings["samplesPerPrompt"]
        rest = (settings["maxNewTokens"], settings["batchSize"])
        sampled, _ = self.generate(self.policy, prompts, 1.0, *rest, samples)
        tempered, _ = self.generate(self.policy, prompts, 0.5, *rest, samples)
        greedy, _ = self.generate(self.policy, prompts, 0, *rest)
        before, _ = self.generate(self.sft, prompts, 1.0, *rest, 2)
        asked = [prompt for prompt in prompts for _ in range(samples)]
        references = [(prompt, text) for prompt, texts in held for text in texts]
        self.likelihood(self.policy, *zip(*references))
        kl = self.likelihood(self.policy, asked, sampled) - self.likelihood(self.sft, asked, sampled)
        margin = self.score(prompts, [texts[0] for _, texts in held]).mean() - self.score(asked, sampled).mean()
        self.score([prompt for prompt in prompts for _ in range(2)], before)
        assert math.isfinite(kl.mean().item()) and math.isfinite(margin.item())
        return sum(len(text) for texts in (sampled, tempered, greedy) for text in texts)

    def likelihood(self, model, prompts, texts):
        sequences = self.joined(list(prompts), list(texts))
        return sequence_scores(model, sequences.parts(SCORING_BATCH), len(texts))
