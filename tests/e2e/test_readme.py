"""What the README shows to people who test their own programs."""
from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_sandbox_in_tests_of_ones_own(tmp_path: Path) -> None:
    blocks = (ROOT / "README.rst").read_text("utf-8").split(".. code-block:: python\n")[1:]
    example, = [block for block in blocks if "import pytest" in block]
    lines = example.lstrip("\n").splitlines()
    end = next(number for number, line in enumerate(lines) if line and line[0] != " ")
    (tmp_path / "test_it.py").write_text(textwrap.dedent("\n".join(lines[:end])), "utf-8")
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
                          cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(ROOT),
                               "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert "1 passed" in done.stdout, done.stdout
