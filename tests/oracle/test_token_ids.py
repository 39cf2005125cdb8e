# SPDX-License-Identifier: Apache-2.0
"""Token ids and offsets against the tokenizers package, exhaustively: every code point, random strings, edges, every option of the
components that Wick runs. About two minutes.

Environment: WICK_BUILD, the build folder (build); WICK_TEST_MODEL_DIR, all-MiniLM-L6-v2's folder (else the Hugging Face cache);
WICK_CORPUS, a folder of .txt files with one text a line, compared too where it is given."""
import itertools
import json
import os
import pathlib
import random

import pytest
import tokenizers

from tokens import assert_same, wick

MODEL = "models--sentence-transformers--all-MiniLM-L6-v2"
SMALL = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "tokenizer" / "small.json"
assert tokenizers.__version__ == "0.23.3", f"tokenizers 0.23.3 is the reference, this is {tokenizers.__version__}"


def model_file():
    given = os.environ.get("WICK_TEST_MODEL_DIR")
    if given:
        return pathlib.Path(given) / "tokenizer.json"
    home = pathlib.Path(os.environ.get("HF_HOME", pathlib.Path.home() / ".cache" / "huggingface"))
    hub = pathlib.Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    found = sorted((hub / MODEL / "snapshots").glob("*/tokenizer.json"))
    assert found, f"no tokenizer.json of {MODEL} under {hub}: run `make model`, or set WICK_TEST_MODEL_DIR"
    return found[-1]


@pytest.fixture(scope="module")
def real():
    path = model_file()
    return path, tokenizers.Tokenizer.from_file(str(path))


def scalars():
    return (cp for cp in range(0x110000) if not 0xD800 <= cp <= 0xDFFF)


def random_texts(n, seed, extra=()):
    """Strings of up to 60 characters that mix scripts, marks, controls, white space, added tokens and unassigned code points."""
    rng = random.Random(seed)
    latin = [chr(c) for c in range(0x20, 0x7F)]
    pools = [latin, latin, [chr(c) for c in range(0xA0, 0x250)], [chr(c) for c in range(0x300, 0x370)],
             [chr(c) for c in itertools.chain(range(0x370, 0x530), range(0x590, 0x700))],
             [chr(c) for c in range(0x900, 0xE80)], [chr(c) for c in range(0x1100, 0x1200)],
             [chr(c) for c in range(0x1AB0, 0x1B00)] + [chr(c) for c in range(0x1DC0, 0x2000)],
             [chr(c) for c in range(0x2000, 0x2070)], [chr(c) for c in range(0x3000, 0x3400)],
             [chr(c) for c in range(0x4E00, 0x4F00)], [chr(c) for c in range(0xAC00, 0xB000)],
             [chr(c) for c in range(0x1D15E, 0x1D1AE)], [chr(c) for c in range(0x1F300, 0x1F700)] + ["\u200d", "\ufe0f"],
             [chr(c) for c in range(0x20)] + ["\u00ad", "\u200b", "\ufeff", "\ufffd", "\x7f", "\x85", "\u0345", "\u0f73"],
             list(" \t\n\r\u00a0\u2003\u3000"), list(extra) or latin, list("aeiou") + ["\u0301", "\u0316", "\u0327", "\u0f71", "\u05b0"]]
    texts = []
    for _ in range(n):
        parts = []
        for _ in range(rng.randrange(1, 7)):
            pool = rng.choice(pools)
            parts += rng.choices(pool, k=rng.randrange(1, 11))
            if rng.random() < 0.1:
                parts.append(chr(rng.choice([rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)])))
        texts.append("".join(parts))
    return texts


ADDED = ["[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "[MAS", "##ing", "ing", "world ", " the "]
EDGES = ["", " ", "\n", "\0", "\ufffd", "a", "[CLS]", "[CLS][SEP]", " [MASK] ", "##", "#", "\u0301", "e\u0301\u0316\x01\u0301", "I\u0130i",
         "." * 100, "a" * 99, "a" * 100, "a" * 101, "\u00e9" * 100, "\u00e9" * 101, "\u4e16" * 101, "e\u0301" * 60, "\uac01" * 40, "\u1112\u1161\u11ab" * 34,
         "x" * 5000 + " y", "a " + "\u0430" * 3000 + ".", "word " * 1000, "\U0001f30d" * 300, "a\u0000b\ufffdc"]


def test_every_code_point_alone(real):
    assert_same(*real, [chr(cp) for cp in scalars()])


def test_every_code_point_between_letters(real):
    assert_same(*real, [f"a{chr(cp)}b" for cp in scalars()])


def test_random_strings(real):
    assert_same(*real, random_texts(100_000, 1, ADDED))


def test_edges(real):
    assert_same(*real, EDGES)
    assert_same(*real, EDGES, special=False)


def test_long_hostile_texts(real):
    texts = ["." * 1_000_000, "\u0301" * 100_000, "a" + "\u0316\u0301" * 50_000 + "b", "a" * 1_000_000, "\u4e16" * 200_000, "[" * 300_000,
             "\U0001d165\U0001d16d" * 50_000, "[CLS]" * 50_000, " " * 1_000_000, "\x01" * 100_000 + "a", "\uac01" * 100_000]
    assert_same(*real, texts)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("max_tokens", [2, 3, 4, 7, 16, 256])
def test_truncation(real, max_tokens, left):
    texts = random_texts(2000, max_tokens, ADDED) + EDGES + ["tokenization " * 500, "a" * 99 + " unbelievable" * 400]
    assert_same(*real, texts, max_tokens=max_tokens, left=left)
    assert_same(*real, texts, max_tokens=max_tokens, left=left, special=False)


def test_invalid_utf8_is_refused(real):
    good = "caf\u00e9".encode()
    bad = [b"\xff", b"abc\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", good + b"\x80" + good, b"a" * 5000 + b"\xe2\x82"]
    assert [r[0] for r in wick(real[0], bad)] == [-2] * len(bad)


def test_corpus(real):
    folder = os.environ.get("WICK_CORPUS")
    if not folder:
        pytest.skip("WICK_CORPUS names no folder of .txt files")
    files = sorted(pathlib.Path(folder).glob("*.txt"))
    assert files, f"no .txt file in {folder}"
    for file in files:
        texts = file.read_text(encoding="utf-8").split("\n")
        assert_same(*real, texts)
        assert_same(*real, texts, max_tokens=256)


# ---- variants of a small tokenizer: every option that Wick reads ------------------------------------------------------------------

def added(identifier, content, **flags):
    return {"id": identifier, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False, **flags}


def bert(**options):
    return {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True, **options}


def variant(tmp_path, **changes):
    document = json.loads(SMALL.read_text(encoding="utf-8"))
    model = changes.pop("model", {})
    document.update(changes)
    document["model"].update(model)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path, tokenizers.Tokenizer.from_file(str(path))


NORMALIZERS = [bert(clean_text=c, handle_chinese_chars=h, strip_accents=s, lowercase=l)
               for c, h, s, l in itertools.product([True, False], [True, False], [None, True, False], [True, False])]
NORMALIZERS += [None, {"type": "Lowercase"}, {"type": "NFD"}, {"type": "StripAccents"}]
NORMALIZERS += [{"type": "Sequence", "normalizers": list(order)} for order in
                itertools.permutations([{"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"}])]
NORMALIZERS += [{"type": "Sequence", "normalizers": [{"type": "Lowercase"}, bert(strip_accents=True, lowercase=False)]},
                {"type": "Sequence", "normalizers": []}]


@pytest.mark.parametrize("normalizer", NORMALIZERS, ids=lambda n: "-".join(map(str, n.values()))[:60] if n else "null")
def test_normalizers(tmp_path, normalizer):
    assert_same(*variant(tmp_path, normalizer=normalizer), random_texts(4000, 2, ADDED) + EDGES)


@pytest.mark.parametrize("kind", ["BertPreTokenizer", "Whitespace", "WhitespaceSplit", None])
@pytest.mark.parametrize("normalizer", [bert(), bert(clean_text=False, lowercase=False), None], ids=["bert", "cased", "null"])
def test_pretokenizers(tmp_path, kind, normalizer):
    path, tokenizer = variant(tmp_path, pre_tokenizer=kind and {"type": kind}, normalizer=normalizer)
    assert_same(path, tokenizer, random_texts(8000, 3, ADDED) + EDGES + [f"a{chr(cp)}b" for cp in range(0x3000)])


@pytest.mark.parametrize("pair", list(itertools.product([False, True], repeat=4)),
                         ids=lambda p: "".join(name for name, on in zip("wlrn", p) if on) or "plain")
def test_added_token_flags(tmp_path, pair):
    flags = dict(zip(("single_word", "lstrip", "rstrip", "normalized"), pair))
    n = len(json.loads(SMALL.read_text(encoding="utf-8"))["model"]["vocab"])
    contents = ["<a>", "<ab>", "<a>b", "Bar", "\u00c9t\u00e9", " gap", "gap ", "\u4e16", "\u0301", "x\u0316", " ", "the"]
    tokens = [added(0, "[PAD]", special=True), added(1, "[UNK]", special=True)]
    for i, content in enumerate(contents):
        # Where the reference fails: it slices backwards and panics on a bare space that is stripped, and a token that is normalised to
        # nothing makes it match without end (Wick refuses that file).
        if content == " " and (flags["lstrip"] or flags["rstrip"]) or content == "\u0301" and flags["normalized"]:
            continue
        tokens.append(added(n + len(tokens) - 2, content, **(flags if i % 3 else {**flags, "special": True})))
    pieces = contents + ["<", ">", "a", "b", " ", "  ", "\t", "\u00a0", "e\u0301te\u0301", "\u00e9", "E\u0301", ".", "_", "7", "\u0301", "bar", "BAR", "\u0316", "\u200d"]
    rng = random.Random(4)
    texts = ["".join(rng.choices(pieces, k=rng.randrange(1, 12))) for _ in range(6000)]
    for normalizer in (bert(), bert(lowercase=False), None):
        for kind in ("BertPreTokenizer", None):
            path, tokenizer = variant(tmp_path, added_tokens=tokens, normalizer=normalizer, pre_tokenizer=kind and {"type": kind})
            assert_same(path, tokenizer, texts)
            assert_same(path, tokenizer, texts[:500], max_tokens=5)
            assert_same(path, tokenizer, texts[:500], max_tokens=5, left=True)


def test_mixed_added_tokens(tmp_path):
    n = len(json.loads(SMALL.read_text(encoding="utf-8"))["model"]["vocab"])
    rng = random.Random(5)
    for _ in range(40):
        contents = rng.sample(["<a>", "<ab>", "a>", "b<", "ab", "b", "Ba", " a", "a ", "\u00e9a", "\u4e16a", "<a> b", "bb"], 6)
        names = ("single_word", "lstrip", "rstrip", "normalized", "special")
        tokens = [added(n + i, c, **{name: rng.random() < 0.4 for name in names}) for i, c in enumerate(contents)]
        texts = ["".join(rng.choices(["<a>", "a", "b", ">", "<", " ", "\u00e9", "B", "\u4e16", "."], k=rng.randrange(1, 14))) for _ in range(500)]
        assert_same(*variant(tmp_path, added_tokens=tokens), texts)


@pytest.mark.parametrize("model", [
    {"max_input_chars_per_word": 0}, {"max_input_chars_per_word": 1}, {"max_input_chars_per_word": 5},
    {"max_input_chars_per_word": 100000}, {"continuing_subword_prefix": ""}, {"continuing_subword_prefix": "#"}], ids=str)
def test_models(tmp_path, model):
    texts = random_texts(4000, 6, ADDED) + EDGES + ["ab" * 500]
    for kind in ("BertPreTokenizer", None):
        assert_same(*variant(tmp_path, model=model, pre_tokenizer=kind and {"type": kind}), texts)


def test_post_processors(tmp_path):
    cls, sep = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"SpecialToken": {"id": "two", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    special = {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}, "two": {"id": "two", "ids": [3, 4], "tokens": ["[SEP]", "[MASK]"]}}
    texts = random_texts(500, 7, ADDED) + EDGES
    for single in ([text], [cls, text], [text, sep], [cls, sep, text, sep, cls]):
        pair = [*single, {"Sequence": {"id": "B", "type_id": 1}}]
        process = {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special}
        for max_tokens, left in ((0, False), (9, False), (9, True)):
            assert_same(*variant(tmp_path, post_processor=process), texts, max_tokens=max_tokens, left=left)
    assert_same(*variant(tmp_path, post_processor={"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}), texts)
    assert_same(*variant(tmp_path, post_processor=None), texts)
