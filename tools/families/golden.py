# SPDX-License-Identifier: Apache-2.0
"""What sentence-transformers makes of the texts with a model of ours, and golden.json, which keeps it (tests/fixtures/README.md)."""

import json

from sentence_transformers.sentence_transformer.modules.static_embedding import StaticEmbedding

from .texts import TEXTS


def ids_of(model, text):
    """The ids as the model reads them, and which of them are special."""
    ids = model.preprocess([text])["input_ids"].flatten().tolist()
    if isinstance(model[0], StaticEmbedding):
        return ids, [0] * len(ids)
    tokenizer = model[0].tokenizer
    encoded = tokenizer(text, truncation=True, max_length=model.max_seq_length, return_special_tokens_mask=True)
    assert encoded["input_ids"] == ids and set(encoded["attention_mask"]) <= {1}, text
    return ids, encoded["special_tokens_mask"]


def golden(model):
    cases = []
    for prompt_name, prompt in {None: "", **{name: text for name, text in (model.prompts or {}).items() if text}}.items():
        ids, special = zip(*(ids_of(model, prompt + text) for text in TEXTS))
        empty = [not one for one in ids]  # a decoder without special tokens has nothing to pool of ""
        vectors = [model.encode(text, prompt=prompt) for text in TEXTS]
        rows = [None if is_empty else [float(f"{x:.9g}") for x in vector] for is_empty, vector in zip(empty, vectors)]
        assert all(row is None or all(abs(x) < 1e6 for x in row) for row in rows)
        cases.append({"prompt_name": prompt_name, "prompt": prompt, "ids": ids, "special": special, "vectors": rows})
    length = model.max_seq_length
    return {
        "max_seq_length": length if isinstance(length, int) else None,
        "default_prompt_name": model.default_prompt_name,
        "dimension": len(vectors[0]),
        "texts": TEXTS,
        "cases": cases,
    }


def write_golden(path, document):
    """One list of numbers a line."""
    heads = [f'"{key}": {json.dumps(value, ensure_ascii=False)}' for key, value in document.items() if key != "cases"]
    cases = []
    for case in document["cases"]:
        parts = [f'"{key}": {json.dumps(case[key])}' for key in ("prompt_name", "prompt")]
        for key in ("ids", "special", "vectors"):
            parts.append(f'"{key}": [\n' + ",\n".join(json.dumps(row, separators=(",", ":")) for row in case[key]) + "]")
        cases.append("{" + ",\n".join(parts) + "}")
    path.write_text("{" + ",\n".join(heads) + ',\n"cases": [' + ",\n".join(cases) + "]}\n", encoding="utf-8")
