"""What the README shows to people who test their own programs."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.ages import issued
from trakt_config.sandbox import Sandbox

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


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_token_for_curl(sandbox: Sandbox, config: Any, environ: Mapping[str, str],
                            tmp_path: Path) -> None:
    """As it stands there, but for the addresses and the app."""
    text = (ROOT / "README.rst").read_text("utf-8")
    example = text[text.index("token=$(trakt-config"):text.index("``CLIENT_ID`` is")]
    path = config(issued(sandbox))
    for old, new in (("trakt-config", f"{sys.executable} -m trakt_config"), ("curl", "curl -sfS"),
                     ("config.yml", str(path)), ("CLIENT_ID", sandbox.client_id),
                     ("https://api.trakt.tv", sandbox.url)):
        assert old in example
        example = example.replace(old, new)
    done = subprocess.run(["sh", "-c", example], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0 and json.loads(done.stdout), done.stderr
