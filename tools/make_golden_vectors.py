# SPDX-License-Identifier: Apache-2.0
"""Makes tests/fixtures/minilm/{texts.json, vectors.f32}: what sentence-transformers gives in f32 for the texts below, which were written
for this repository. tests/c/test_golden_minilm.c compares Wick with them.

    .venv-bench/bin/python tools/make_golden_vectors.py [--model-dir DIR]

texts.json: model, versions, dimension, texts [{text, n_tokens, norm}]; norm is the length of the pooled vector before normalising.
vectors.f32: one row of little-endian f32 a text, length 1. Made with the versions pinned in tools/requirements-bench.txt; other versions
are refused unless --any-version is given. Texts are embedded one by one, so that no padding takes part.
"""
import argparse
import importlib.metadata
import json
import pathlib
import sys

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ["sentence-transformers", "transformers", "torch", "tokenizers", "numpy"]

TEXTS = [
    # nothing, almost nothing
    "", " ", " \t\r\n ", ".", "a", "7", "\u00e9", "\u4e16", "\U0001f30d", "[MASK]", "[CLS] hello [SEP]", "\u200b", "\ufeffByte order mark", "\ufffd",
    # everyday sentences
    "Hello", "Hello world", "Machine learning", "Deep learning", "The weather is nice today", "machine learning", "MACHINE LEARNING",
    "How do I install a package on Debian?",
    "The ferry leaves the harbour at dawn.",
    "A boat departs from the port early in the morning.",
    "Sourdough needs flour, water, salt and patience.",
    "The price is 123.45 dollars",
    "Nobody answered. The phone rang again. She let it ring until the neighbours knocked on the wall.",
    "  leading, trailing   and   multiple    spaces  ",
    "Tabs\tand\nline breaks\r\ncount as spaces.",
    "Hello! @#$% \u4e16\u754c \U0001f30d",
    "e-mail: someone.else+tag@example.org, see http://example.org/a/b?c=d&e=%20#f",
    "if (x[i] >= 0 && y != NULL) { return *p++ / 2; } // half of it",
    "C:\\Users\\me\\notes.txt and /etc/hosts.allow",
    "3.14159 2,718,281 1e-9 0xFF 42% 1/2 \u00bd \u00b2 \u2163",
    "Don't they've we'll o'clock rock'n'roll",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "x" * 99, "x" * 100, "x" * 101, "y" * 250,
    "\u2014 \u201cquoted\u201d \u2018single\u2019 \u2026 \u00abguillemets\u00bb \u2013 dash",
    # accents and other writing systems
    "Crème brûlée, jalapeño, smörgåsbord, façade, naïve, Ærøskøbing, Łódź",
    "Cre\u0300me bru\u0302le\u0301e in decomposed letters",
    "Straße, STRASSE, ß and \u1e9e",
    "\u0130stanbul ve \u0131l\u0131k r\u00fczg\u00e2r",
    "Wo finde ich den nächsten Bahnhof, und wann fährt der letzte Zug?",
    "¿Dónde está la biblioteca más antigua de la ciudad?",
    "Les marées d'équinoxe découvrent la chaussée deux fois par jour.",
    "Старый маяк виден за двадцать миль.",
    "Το παλιό φάρο το βλέπεις από μακριά.",
    "\u706f\u53f0\u306e\u5149\u304c\u6d77\u3092\u7167\u3089\u3059\u3002\u30ab\u30bf\u30ab\u30ca\u3082\u3042\u308a\u307e\u3059\u3002",
    "\u8fd9\u5ea7\u706f\u5854\u5efa\u4e8e\u4e00\u767e\u5e74\u524d\u3002",
    "\ub4f1\ub300\uc758 \ubd88\ube5b\uc774 \ubc14\ub2e4\ub97c \ube44\ucd98\ub2e4.",
    "\u0627\u0644\u0645\u0646\u0627\u0631\u0629 \u0627\u0644\u0642\u062f\u064a\u0645\u0629 \u062a\u0636\u064a\u0621 \u0627\u0644\u0628\u062d\u0631",
    "\u05d4\u05de\u05d2\u05d3\u05dc\u05d5\u05e8 \u05d4\u05d9\u05e9\u05df \u05de\u05d0\u05d9\u05e8 \u05d0\u05ea \u05d4\u05d9\u05dd",
    "\u092a\u0941\u0930\u093e\u0928\u093e \u092a\u094d\u0930\u0915\u093e\u0936\u0938\u094d\u0924\u0902\u092d",
    "\u0e1b\u0e23\u0e30\u0e20\u0e32\u0e04\u0e32\u0e23\u0e40\u0e01\u0e48\u0e32",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1f3\U0001f1f1 \u2764\ufe0f \U0001f44d\U0001f3fd",
    "\U00020000 \U0001d54f \ufb01sh \uff37\uff49\uff44\uff45",
    # longer ones, up to the cut at 256 tokens and beyond
    "The lamp was lit by hand until the cable came. Every evening the keeper climbed a hundred and nine steps with a can of oil, "
    "trimmed the wick, wound the clockwork that turned the lens and wrote the hour into the book. Ships counted the flashes: two short, "
    "one long, then eleven seconds of dark. On foggy nights he rang the bell as well, once a minute, until the morning.",
    "water " * 253, "water " * 254, "water " * 255, "word " * 1000,
    "The harbour office keeps a list of every vessel, its flag, its draught and the berth it was given; the list is older than the "
    "office. " * 14,
    "\u706f\u5854" * 200,
    ". " * 400,
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-dir", help=f"folder of Hugging Face files; default: {MODEL} from the hub cache")
    parser.add_argument("--out", default=str(ROOT / "tests" / "fixtures" / "minilm"))
    parser.add_argument("--any-version", action="store_true")
    args = parser.parse_args()
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    pinned = dict(line.split("==") for line in (ROOT / "tools" / "requirements-bench.txt").read_text().split() if "==" in line)
    if not args.any_version and any(versions[name] != pinned[name] for name in PACKAGES):
        sys.exit(f"these versions are not the pinned ones: {versions}")

    import numpy as np
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(args.model_dir or MODEL, device="cpu", local_files_only=True, model_kwargs={"dtype": "float32"})
    model.eval()
    rows, entries = [], []
    for text in TEXTS:
        row = model.encode(text, normalize_embeddings=True, convert_to_numpy=True)
        pooled = model.encode(text, output_value=None, convert_to_numpy=False)
        n_tokens = int(model.preprocess([text])["attention_mask"].sum())
        tokens = pooled["token_embeddings"].double().numpy()
        norm = float(np.linalg.norm(tokens[:n_tokens].mean(axis=0)))
        rows.append(row.astype("<f4"))
        entries.append({"text": text, "n_tokens": n_tokens, "norm": round(norm, 7)})
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    np.stack(rows).tofile(out / "vectors.f32")
    head = {"model": MODEL, "versions": versions, "dimension": len(rows[0])}
    body = ",\n".join("  " + json.dumps(entry) for entry in entries)
    (out / "texts.json").write_text(json.dumps(head)[:-1] + ', "texts": [\n' + body + "\n]}\n")
    print(f"{len(rows)} texts, {sum(entry['n_tokens'] for entry in entries)} tokens")


if __name__ == "__main__":
    main()
