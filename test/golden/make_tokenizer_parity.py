"""Encodes odd made-up strings with the Rust library, for test/src/data/word_tokenizer_test.ts.

python make_tokenizer_parity.py tokenizer_parity.json [count]
Reads the tokenizers (texts that buildTokenizer wrote) from the file, replaces its cases and writes it again; run
`deno fmt` on it afterwards. Needs the package `tokenizers`.
"""
import json
import random
import sys

import tokenizers

PIECES = [
    "The Grey Heron", "a free raft", "costs 2 shells", "£20-25", "£", "café", "cafe\u0301", "don't", "'quoted'",
    "dog-friendly", "snake_case", "naïve", "Ærø", "日本語", "नमस्ते", "Привет", "x²", "Ⅳ", "½", "🙂", "👩‍🚀", "…", "—",
    "“soup”", "!?", "...", "(tea)", "100%", "a/b", "[", "]", "[]", "[x]", "name", "name[", "name[]", "name[Grey Heron]",
    "customer rating[5 out of 5]", "price range[£20-25]", "Ranch[", "to[Fern Island], dogs[no]", "from[Salt Quay]",
    "see name[Grey Heron], dogs[yes] there", "a b c[d]", "x[1], y[2],z[3] ,w[4]", "é[é]", "_[_]", "9[9]",
    "<unk>", "<|endoftext|>", "<|padding|>", "<|other|>", "the", "It", "tea and cake", "HALF", "ß", "İ", "ﬁ",
]
SPACES = [" ", " ", " ", "", ", ", ",", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u2003", "\u200b", ". ", "-"]


def odd_string(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.1:
        return "".join(chr(rng.choice([rng.randrange(32, 127), rng.randrange(0xA0, 0x2FF), rng.randrange(0x370, 0xD7FF)]))
                       for _ in range(rng.randrange(0, 12)))
    text = rng.choice(["", "", "", " ", "\n"])
    for _ in range(rng.randrange(0, 7)):
        text += rng.choice(PIECES) + rng.choice(SPACES)
    return text


def main() -> None:
    path, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 40
    with open(path, encoding="utf-8") as file:
        fixture = json.load(file)
    fixture["made"] = {"script": "make_tokenizer_parity.py", "seed": 1, "tokenizers": tokenizers.__version__}
    for entry in fixture["tokenizers"]:
        rust = tokenizers.Tokenizer.from_str(entry["tokenizer"])
        rng = random.Random(1)
        texts = ["", " ", "The Grey Heron takes dogs.", *[odd_string(rng) for _ in range(count)]]
        entry["cases"] = []
        for text in texts:
            ids = rust.encode(text, add_special_tokens=False).ids
            entry["cases"].append({"text": text, "ids": ids, "decoded": rust.decode(ids, skip_special_tokens=False)})
    with open(path, "w", encoding="utf-8") as file:
        json.dump(fixture, file, ensure_ascii=True, indent=1)
        file.write("\n")


main()
