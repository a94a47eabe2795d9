# The peer's sampling: `generate` of transformers, and a loop by hand around the same model that draws by inverse transform.
# Both give tokens and the log-probabilities of the drawn tokens; the faster one is what ours is compared with.
import torch
from transformers import DynamicCache, LogitsProcessor, LogitsProcessorList

from peer_models import load_policy, made_up_tokens, output_weight

# Rows leave the batch when at most this share of them has not ended.
COMPACT_BELOW = 0.7


def draw(logits):
    """One token a row by its cumulated probabilities, and its log-probability. [rows, vocab] -> [rows] each."""
    probabilities = torch.softmax(logits, dim=-1)
    cumulated = probabilities.cumsum(dim=-1)
    threshold = torch.rand(logits.shape[0], 1) * cumulated[:, -1:]
    token = torch.searchsorted(cumulated, threshold, right=True).clamp_(max=logits.shape[1] - 1)
    return token.squeeze(1), probabilities.gather(1, token).squeeze(1).log()


def draw_truncated(logits, top_k, top_p):
    """The same among the top_k most likely tokens, cut to the smallest set that holds top_p of their probability.

    The log-probability is that of the whole distribution, as training computes it.
    """
    values, ids = logits.topk(top_k, dim=-1)
    kept = values
    if top_p is not None:
        probabilities = torch.softmax(values, dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities
        kept = values.masked_fill(before >= top_p, -torch.inf)
    place = draw(kept)[0].unsqueeze(1)
    log_probability = values.gather(1, place).squeeze(1) - logits.logsumexp(1)
    return ids.gather(1, place).squeeze(1), log_probability


@torch.inference_mode()
def sample(model, prompts, options, mask=None):
    """`samples` continuations of each of prompts [prompts, time], padded on the left where `mask` says so.

    Returns tokens, their log-probabilities and whether a token counts, [rows, steps] each. Stops when every row has ended.
    Prompts run through the model once, whatever the number of samples; rows that have ended leave the batch.
    """
    eos, pad, samples = options.get("eos"), options.get("pad", 0), options.get("samples", 1)
    rows, steps = prompts.shape[0] * samples, options["new_tokens"]
    tokens, logs = torch.full((rows, steps), pad), torch.zeros(rows, steps)
    counted = torch.zeros(rows, steps, dtype=torch.bool)
    cache, inputs, position = DynamicCache(config=model.config), prompts, {}
    if mask is not None:
        position = {"position_ids": (mask.cumsum(1) - 1).clamp_(min=0)}
        place = mask.sum(1, keepdim=True).repeat_interleave(samples, 0)
    batch, is_open = torch.arange(rows), torch.ones(rows, dtype=torch.bool)
    for step in range(steps):
        state = model.base_model(inputs, attention_mask=mask, past_key_values=cache, use_cache=True, **position)
        logits = torch.nn.functional.linear(state.last_hidden_state[:, -1], output_weight(model))
        if step == 0 and samples > 1:
            logits = logits.repeat_interleave(samples, 0)
            cache.batch_repeat_interleave(samples)
            mask = None if mask is None else mask.repeat_interleave(samples, 0)
        token, log = choose(logits, options)
        tokens[batch, step], logs[batch, step], counted[batch, step] = token, log, is_open
        if eos is not None:
            is_open = is_open & (token != eos)
            left = int(is_open.sum())
            if left == 0:
                break
            if left <= COMPACT_BELOW * len(batch):
                kept = is_open.nonzero().squeeze(1)
                cache.batch_select_indices(kept)
                batch, token, is_open = batch[kept], token[kept], is_open[kept]
                if mask is not None:
                    mask, place = mask[kept], place[kept]
        inputs = token.unsqueeze(1)
        if mask is not None:
            mask = torch.cat([mask, mask.new_ones(len(batch), 1)], 1)
            position = {"position_ids": place + step}
    return tokens[:, : step + 1], logs[:, : step + 1], counted[:, : step + 1]


def choose(logits, options):
    """The next token of every row, and its log-probability (0 at temperature 0, which takes the likeliest)."""
    temperature, top_k = options["temperature"], options.get("top_k")
    if options.get("forbidden"):
        logits[:, options["forbidden"]] = -torch.inf
    if temperature == 0:
        return logits.argmax(-1), torch.zeros(len(logits))
    logits = logits if temperature == 1 else logits / temperature
    return draw(logits) if top_k is None else draw_truncated(logits, top_k, options.get("top_p"))


class KeepLogProbabilities(LogitsProcessor):
    """Stands before top-k and top-p: keeps what the drawn tokens' log-probabilities need, one step at a time."""

    def __init__(self):
        self.logs, self.scores = [], None

    def __call__(self, input_ids, scores):
        self.take(input_ids)
        self.scores = scores
        return scores

    def take(self, input_ids):
        if self.scores is not None:
            picked = self.scores.gather(1, input_ids[:, -1:]).squeeze(1)
            self.logs.append(picked - self.scores.logsumexp(1))


@torch.inference_mode()
def sample_by_generate(model, prompts, options):
    """The same for prompts of one length, by the library's own loop."""
    keep = KeepLogProbabilities()
    truncation = {"top_k": options.get("top_k") or 0, "top_p": options.get("top_p") or 1.0}
    ids = model.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        do_sample=True,
        temperature=options["temperature"],
        max_new_tokens=options["new_tokens"],
        min_new_tokens=options["new_tokens"],
        eos_token_id=None,
        pad_token_id=0,
        logits_processor=LogitsProcessorList([keep]),
        **truncation,
    )
    keep.take(ids)
    tokens = ids[:, prompts.shape[1] :]
    return tokens, torch.stack(keep.logs, 1), torch.ones_like(tokens, dtype=torch.bool)


class Rollout:
    variants = ["generate", "loop"]

    def __init__(self, spec, folder):
        self.model = load_policy(f"{folder}/policy").eval()
        vocabulary = spec["model"]["vocabulary"]
        prompts = made_up_tokens(spec["prompts"], spec["promptTokens"], vocabulary, 0)
        self.prompts = prompts.repeat_interleave(spec["samplesPerPrompt"], 0)
        self.options = {
            "temperature": 1.0,
            "new_tokens": spec["newTokens"],
            "top_k": spec.get("topK"),
            "top_p": spec.get("topP"),
        }

    def checks(self):
        tokens, logs, _ = sample(self.model, self.prompts, self.options)
        return {"tokens": tokens.numel(), "log-probability per token": logs.mean().item()}

    def run(self, variant):
        by = sample_by_generate if variant == "generate" else sample
        tokens, logs, _ = by(self.model, self.prompts, self.options)
        return {"tokens": len(tokens.flatten().tolist()), "rows": len(logs.sum(1).tolist())}
