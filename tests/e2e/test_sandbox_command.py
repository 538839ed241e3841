"""`sandbox`: a Trakt that stays, what it says, and how it ends."""
from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.children import INTERRUPTIBLE
from trakt_config.cli import arguments, main, sandbox
from trakt_config.sandbox import CLIENT_ID, CLIENT_SECRET

ROOT = Path(__file__).parents[2]


@contextmanager
def running(*options: str) -> Iterator[Any]:
    """The command in a process of its own, and what it says up to the address for a pin."""
    child = subprocess.Popen([*INTERRUPTIBLE, "-m", "trakt_config", "sandbox", *options],
                             text=True, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        assert child.stdout is not None
        said = ""
        while "/oauth/authorize?" not in said:
            line = child.stdout.readline()
            assert line, child.communicate()
            said += line
        yield child, said
    finally:
        child.kill()
        child.communicate()


def test_tells_what_is_needed_and_works(tmp_path: Path) -> None:
    """With the lines that it prints, a pin from its page signs a config in."""
    with running("--port", "0", "--lifetime", "2h") as (child, said):
        variables = dict(re.findall(r"^  export (\w+)=(\S+)$", said, re.MULTILINE))
        assert set(variables) == {"TRAKT_CONFIG_OAUTH_URL", "TRAKT_CONFIG_API_URL"}
        block = "".join(re.findall(r"^  client_\w+: \w+\n", said, re.MULTILINE))
        assert CLIENT_ID in block and CLIENT_SECRET in block
        assert f"  {variables['TRAKT_CONFIG_OAUTH_URL']}/activate\n" in said
        pin = new_pin(said)
        config = tmp_path / "config.yml"
        config.write_text(f"trakt:\n{block}  pin: {pin}\n")
        done = subprocess.run([sys.executable, "-m", "trakt_config", "authorize", str(config)],
                              capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PYTHONPATH": str(ROOT), **variables})
        assert "exchanged" in done.stdout and "(2 hours)" in done.stdout
        lines = "".join(child.stdout.readline() for _ in range(3))
        assert lines == "\nPOST /oauth/authorize 200\nPOST /oauth/token 200\n"


def new_pin(said: str) -> str:
    """What the page shows after a click on Allow."""
    found = re.search(r"http\S+/oauth/authorize\?\S+", said)
    assert found
    page = requests.post(found[0], {"decision": "allow"}, timeout=10).text
    pin = re.search(r"<code>([0-9A-F]{8})</code>", page)
    assert pin
    return pin[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_with_the_signal(number: int) -> None:
    with running("--port", "0", "--new-server", "-q") as (child, _):
        child.send_signal(number)
        out, err = child.communicate(timeout=30)
        assert (child.returncode, err) == (128 + number, "") and "Traceback" not in out


def test_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([sys.executable, "-m", "trakt_config", "sandbox", "--port",
                               str(port)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"the sandbox cannot listen on port {port}: Address already")
    assert "--port 0" in done.stderr and "Traceback" not in done.stderr


def test_defaults() -> None:
    options = main._parser(["sandbox"]).parse_args(["sandbox"])
    assert (options.port, options.new_server) == (sandbox.PORT, False)
    assert options.lifetime == arguments.duration("7d")


@pytest.mark.parametrize("options", [["--port", "65536"], ["--port", "-1"], ["--port", "http"],
                                     ["--lifetime", "0"], ["--lifetime", "soon"], ["extra"]])
def test_wrong_usage(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main._parser(["sandbox"]).parse_args(["sandbox", *options])
    assert ended.value.code == 2
