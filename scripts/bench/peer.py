# The peer's side of `deno task bench`: PyTorch and transformers do the same works. Speaks bench_protocol.ts over its standard
# streams: one JSON object a line. Its settings are the fastest that were found; README says which were tried.
import json
import os
import sys
import time
import traceback

import torch
import transformers

from peer_demo import Demo
from peer_inner_loop import InnerLoop
from peer_sampling import Rollout
from peer_scoring import Scoring
from peer_training import Training

WORKS = {"training": Training, "rollout": Rollout, "inner-loop": InnerLoop, "scoring": Scoring, "demo": Demo}


def prepare(question):
    torch.set_num_threads(question["threads"])
    if question["device"] == "gpu":
        torch.set_default_device("cuda")
    torch.manual_seed(1)
    spec = question["spec"]
    work = WORKS[spec["kind"]](spec, question["folder"])
    engine = f"torch {torch.__version__}, transformers {transformers.__version__}"
    return work, {"type": "ready", "engine": engine, "variants": work.variants, "checks": work.checks()}


def run(work, question):
    counts = {}
    started = time.perf_counter()
    for _ in range(question["repeats"]):
        counts = work.run(question["variant"])
    return {"type": "ran", "seconds": time.perf_counter() - started, "counts": counts}


def main():
    # Libraries may print; standard output is the protocol's.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    work = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if question["type"] == "prepare":
                work, answer = prepare(question)
            else:
                answer = run(work, question)
        except Exception:
            answer = {"type": "failed", "message": traceback.format_exc()}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
