"""Tiny BPE tokenizers of the kinds that real checkpoints have, and what the Rust library makes of odd texts with them, for
test/src/data/bpe_tokenizer_test.ts.

python make_bpe_parity.py bpe_parity.json [20B_tokenizer.json]
Writes the file anew: texts, tokenizers, ids of each text, and texts of random ids. Of a large tokenizer, named second,
only digests go into the file (see `digest`). Needs the package `tokenizers`.
"""
import hashlib
import json
import random
import sys

import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = """The ferry sails from Salt Quay to Fern Island at 9:30, and again at 18:45.
The Grey Heron takes dogs, but the Old Comet doesn't; it's a small boat and they're careful.
A ticket costs £20-25 with tea and cake, or 2 shells for children under 12 (in 2024).
def sail(boat, to=None):\n    if to is None:\n        return boat.home\n    return boat.go(to)
Le café est naïve, Ærø liegt nördlich, Привет мир, 日本語の船, नमस्ते दुनिया, 🙂 and 👩‍🚀.
We've read https://example.org/boats?id=42&lang=en, they'll read <b>bold</b> text and "quotes".
There is    some     space\tand a tab, a line end\r\nand two of them\n\nbefore the last sentence.
User: which boat is the fastest?\nAssistant: The Red Otter is, as I'd said; it sailed 31 times in 1999.
"""

PIECES = [
    "The Grey Heron", "sails", "the", "it's", "IT'S", "they're", "We've", "I'd", "'quoted'", "don’t", "o'clock", "'ſ",
    "£20-25", "12,345.67", "2024-11-05", "x²", "Ⅳ", "½", "٣٤٥", "१२३", "𝟘𝟙", "100%", "1000000",
    "café", "cafe\u0301", "naïve", "Ærø", "ß", "İ", "ﬁ", "Å", "A\u030a", "\u212b", "ﷺ", "e\u0301\u0323", "\u1e69", "s\u0323\u0307",
    "日本語", "नमस्ते", "Привет", "שלום", "مرحبا", "ภาษาไทย", "한국어", "\u1112\u1161\u11ab", "中文，。", "𠮷野家", "ΟΔΟΣ",
    "🙂", "👩‍🚀", "👨‍👩‍👧", "🇩🇪", "👍🏽", "❤️", "☃", "𝒳", "…", "—", "“soup”", "!?", "...", "(tea)", "a/b", "[x]", "▁", "▁▁the", "Ġ", "Ċ",
    "\u200b", "\u200d", "\ufeff", "\u00ad", "\u2028", "\u2029", "\u0085", "\u00a0", "\u3000", "\u202e", "\ufffd", "\uffff", "\U0010ffff",
    "\x00", "\x01", "\x07", "\x0b", "\x0c", "\x1b[0m", "\x7f", "\x1c", "\x1f",
    "https://example.org/boats?id=42&lang=en#top", "user@example.org", "C:\\boats\\list.txt", "#tag", "@name", "$1 $& $$",
    "def sail(boat, to=None):\n    return boat", "if (a && b) { c[i] += 1; }", "<b>bold</b>", "```py\nx = 1\n```", "a_b-c+d", "{\"a\": [1, 2]}",
    "<unk>", "<s>", "</s>", "<pad>", "<|endoftext|>", "<|padding|>", "<|other|>", "<|im_start|>", "<0x0A>", "<0xE2>", "<s", "/s>",
    "<|endoftext", "HALF", "aaaaaaaaaaaaaaaaaaaaaaaa", "sailsailsail", "User:", "\nAssistant:", "__proto__", "constructor",
]
SPACES = [" ", " ", " ", " ", "", "", ", ", "  ", "   ", " " * 7, " " * 24, " " * 31, "\n", "\n\n", "\n \n", "\t", "\t\t ", "\r\n", "\r", "\u00a0", "\u2003", ". ", "-"]
SPECIAL = ["<|endoftext|>", "<|padding|>"]
SEED = 4
# So many texts are encoded with the tiny tokenizers; the large one takes all.
NUM_SMALL = 300


def odd_text(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.12:
        ranges = [(32, 127), (0xA0, 0x2FF), (0x300, 0x370), (0x370, 0xD7FF), (0x10000, 0x1FFFF), (0, 32), (0x2000, 0x2070)]
        return "".join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randrange(1, 10)))
    text = rng.choice(["", "", "", " ", "\n", "  "])
    for _ in range(rng.randrange(1, 5)):
        text += rng.choice(PIECES) + rng.choice(SPACES)
    return text


def texts(count: int) -> list[str]:
    rng = random.Random(SEED)
    out = ["", " ", "  ", "\n", "The ferry sails.", *PIECES, *(SPACES[8:]), CORPUS]
    while len(out) < count:
        out.append(odd_text(rng))
    return out[:count]


def trained(size: int, alphabet: list[str], special: list[str], pre_tokenizer, normalizer=None) -> dict:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, special_tokens=special, show_progress=False, min_frequency=1)
    tokenizer.train_from_iterator(CORPUS.split("\n") * 2 + PIECES[:20], trainer)
    return json.loads(tokenizer.to_str())


def neox_like() -> Tokenizer:
    """As Pythia's: NFC, the byte-level pattern of GPT-2, and runs of spaces as added tokens."""
    file = trained(560, pre_tokenizers.ByteLevel.alphabet(), SPECIAL, pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer = Tokenizer.from_str(json.dumps(file))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    tokenizer.add_tokens([tokenizers.AddedToken(" " * n, normalized=True, special=False) for n in range(24, 1, -1)])
    return tokenizer


def llama3_like() -> Tokenizer:
    """As Llama 3's: a pattern of its own before the bytes, whole words looked up first, a template that adds BOS."""
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    steps = pre_tokenizers.Sequence([
        pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated", False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    file = trained(520, pre_tokenizers.ByteLevel.alphabet(), [], steps)
    file["model"]["ignore_merges"] = True
    tokenizer = Tokenizer.from_str(json.dumps(file))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|endoftext|>", "<|finetune_right_pad_id|>"])
    bos = tokenizer.token_to_id("<|begin_of_text|>")
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", bos)]),
    ])
    return tokenizer


def byte_fallback(size: int, special: list[str]) -> dict:
    file = trained(
        size, ["▁"], special + [f"<0x{byte:02X}>" for byte in range(256)], pre_tokenizers.Metaspace(prepend_scheme="always"))
    file["added_tokens"] = [token for token in file["added_tokens"] if token["content"] in special]
    file["model"] |= {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
    # A real vocabulary lacks most characters; these come as bytes.
    rare = [token for token in file["model"]["vocab"] if len(token) == 1 and ord(token) > 0x2FF and token != "▁"]
    kept = [token for token in file["model"]["vocab"] if not any(character in token for character in rare)]
    file["model"]["vocab"] = {token: place for place, token in enumerate(kept)}
    file["model"]["merges"] = [pair for pair in file["model"]["merges"] if "".join(pair) in file["model"]["vocab"]]
    file["pre_tokenizer"] = None
    return file


def llama2_like() -> Tokenizer:
    """As Llama 2's: a space put in front, spaces as ▁, no words, bytes for what the vocabulary lacks."""
    tokenizer = Tokenizer.from_str(json.dumps(byte_fallback(620, ["<unk>", "<s>", "</s>"])))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def metaspace_like() -> Tokenizer:
    """As newer Mistral files: the space in front only where a text begins, by the pre-tokenizer."""
    tokenizer = Tokenizer.from_str(json.dumps(byte_fallback(620, ["<unk>", "<s>", "</s>", "<pad>"])))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([tokenizers.AddedToken("<|im_start|>", rstrip=True)])
    return tokenizer


def split_metaspace() -> Tokenizer:
    """Words by ▁, compatibility forms made one, a dollar as a replacement, the decoder of a Metaspace."""
    tokenizer = Tokenizer.from_str(json.dumps(byte_fallback(600, ["<unk>", "<s>", "</s>", "<pad>"])))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("£", "$&")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("▁", prepend_scheme="always")])
    return tokenizer


def digits_like() -> Tokenizer:
    """As StarCoder's: every digit alone, a space put in front of a text that has none."""
    file = trained(500, pre_tokenizers.ByteLevel.alphabet(), SPECIAL, pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer = Tokenizer.from_str(json.dumps(file))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=True)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([tokenizers.AddedToken("<|other|>", lstrip=True)])
    return tokenizer


# `tokenizer_config.json` beside each, as such checkpoints have it.
CONFIGS = {
    "neox_like": {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "add_bos_token": False},
    "llama3_like": {"bos_token": "<|begin_of_text|>", "eos_token": {"content": "<|endoftext|>"}},
    "llama2_like": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"},
    "metaspace_like": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": None},
    "split_metaspace": {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"},
    "digits_like": {"eos_token": "<|endoftext|>"},
}


def random_ids(tokenizer: Tokenizer, rng: random.Random, count: int) -> list[list[int]]:
    size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1
    known = [id for id in range(size) if tokenizer.id_to_token(id) is not None]
    return [[rng.choice(known) for _ in range(rng.randrange(1, 9))] for _ in range(count)]


def digest(value: object) -> str:
    """The first 8 hex digits of sha256 over the compact JSON."""
    compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(compact.encode()).hexdigest()[:8]


def main() -> None:
    path = sys.argv[1]
    fixture = {
        "made": {"script": "make_bpe_parity.py", "seed": SEED, "tokenizers": tokenizers.__version__},
        "texts": texts(1000),
        "tokenizers": {},
    }
    for make in [neox_like, llama3_like, llama2_like, metaspace_like, split_metaspace, digits_like]:
        tokenizer = make()
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in fixture["texts"][:NUM_SMALL]]
        drawn = random_ids(tokenizer, random.Random(SEED), 100)
        fixture["tokenizers"][make.__name__] = {
            "tokenizer": json.loads(tokenizer.to_str()),
            "config": CONFIGS[make.__name__],
            "ids": ids,
            "decoded": [digest(tokenizer.decode(list_, skip_special_tokens=True)) for list_ in ids],
            "drawn": [{"ids": list_, "text": tokenizer.decode(list_, skip_special_tokens=True)} for list_ in drawn],
        }
    if len(sys.argv) > 2:
        tokenizer = Tokenizer.from_file(sys.argv[2])
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in fixture["texts"]]
        drawn = random_ids(tokenizer, random.Random(SEED), 200)
        fixture["neox"] = {
            "ids": [digest(list_) for list_ in ids],
            "decoded": [digest(tokenizer.decode(list_, skip_special_tokens=True)) for list_ in ids],
            "drawn": [{"ids": list_, "text": digest(tokenizer.decode(list_, skip_special_tokens=True))} for list_ in drawn],
        }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(fixture, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


main()
