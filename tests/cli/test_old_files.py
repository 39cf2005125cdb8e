# SPDX-License-Identifier: Apache-2.0
"""The families' fixtures as older or other programs wrote them (tests/old_files.py): the same ids and vectors, or refused as the fixture is."""
import pathlib
import sys

import pytest
from test_families import FAMILIES, RUNS, assert_refused, compare, needs_candle  # noqa: F401

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import old_files  # noqa: E402

# Variants that are refused although Wick runs the fixture that they are made from, or otherwise than that is: the file, and the field and value.
REFUSED = {}


@pytest.mark.parametrize("name", old_files.VARIANTS)
def test_old_files(wick, tmp_path, name):
    folder = old_files.make(name, tmp_path / name)
    refusal = REFUSED.get(name, FAMILIES[old_files.VARIANTS[name][0]])
    if refusal is RUNS:
        compare(wick, folder)
    else:
        file, field = refusal
        assert_refused(wick, folder, file, f"{field} is not supported")
