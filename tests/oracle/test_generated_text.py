# SPDX-License-Identifier: Apache-2.0
"""The committed Unicode tables and golden tokens are what their tools make with the pinned tokenizers package."""
import pathlib
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


@pytest.mark.parametrize("tool", ["make_unicode_tables.py", "make_form_tables.py", "make_golden_tokens.py", "make_golden_steps.py", "make_golden_decode.py"])
def test_files_are_up_to_date(tool):
    run = subprocess.run([sys.executable, TOOLS / tool, "--check"], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
