#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/fixtures/models and tests/fixtures/heads: a tiny random-weight model of each family and of each head, and what sentence-transformers
gives for it. JinaBERT v2, which transformers does not ship, is compared with a float64 reference of our own (tools/families/jina.py).

In: nothing but the seed, and the texts, tokenizers and configurations in tools/families. Out: for each NAME a sentence-transformers folder, and
golden.json in it (tests/fixtures/README.md). Run by hand when a family is added (NAMES: only those); the result is committed. The vectors depend
on the packages in their last bits only:

    pip install sentence-transformers==6.2.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 torch==2.15.0
    python tools/make_family_models.py [NAMES]
"""

import os

os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1", HF_HUB_OFFLINE="1")  # training is the same in every run

import json
import pathlib
import shutil
import sys
import tempfile

import torch
from families import encoders, golden, heads, jina
from families.texts import TEXTS
from sentence_transformers import SentenceTransformer

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures"
# NAME: the encoder that is stored once more in a narrower type, as published files are; the golden vectors are computed in f32 from the rounded weights.
NARROW = {"qwen3-bf16": ("qwen3", torch.bfloat16), "gte-f16": ("gte", torch.float16)}


def make_encoder(name, folder):
    source, dtype = NARROW.get(name, (name, None))
    with tempfile.TemporaryDirectory() as work:
        model = encoders.build(source, pathlib.Path(work))
        (model.to(dtype) if dtype else model).save(str(folder), create_model_card=False)
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})  # as anybody would
    golden.write_golden(folder / "golden.json", golden.golden(model))


def make_jina(name, folder):
    golden.write_golden(folder / "golden.json", jina.make(name, folder, TEXTS))


def make_head(name, folder):
    heads.write_golden(folder / "golden.json", heads.HEADS[name](name, folder))


MAKERS = {
    **dict.fromkeys([*encoders.FAMILIES, *NARROW], ("models", make_encoder)),
    **dict.fromkeys(jina.JINAS, ("models", make_jina)),
    **dict.fromkeys(heads.HEADS, ("heads", make_head)),
}


def main(names):
    torch.set_num_threads(1)
    for name in names or MAKERS:
        kind, make = MAKERS[name]
        folder = FIXTURES / kind / name
        shutil.rmtree(folder, ignore_errors=True)
        make(name, folder)
        for path in folder.glob("tokenizer.json"):  # without the blanks
            path.write_text(json.dumps(json.loads(path.read_text()), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
        n_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"{kind}/{name}: {n_bytes // 1024} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
