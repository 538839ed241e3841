"""`token` prints an access token and nothing else."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support.ages import WORTH_REFRESHING, issued
from trakt_config.sandbox import Answer, Sandbox

ROOT = Path(__file__).parents[2]
WEEK = 604800

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def token(environ: Mapping[str, str], tmp_path: Path) -> Command:
    """Runs `trakt-config token` in `tmp_path`."""
    def run(*arguments: str, stdout: Any = subprocess.PIPE) -> Any:
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "trakt_config", "token", *arguments],
            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
            text=True, timeout=60, env={**environ, "PYTHONPATH": str(ROOT)})
    return run


def test_fresh_token_costs_no_request(sandbox: Sandbox, config: Any, token: Command) -> None:
    """Whatever force_refresh says: that is for `authorize`."""
    values = issued(sandbox)
    config(values, more="  force_refresh: true\n")
    done = token("config.yml")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{values['access_token']}\n", "")
    assert sandbox.ledger == []


@pytest.mark.parametrize("age, arguments", [
    (WEEK + 60, []), (WEEK - 3600, ["--min-validity", "2h"]), (0, ["--min-validity", "8d"])])
def test_token_that_is_due_is_refreshed_first(sandbox: Sandbox, config: Any, token: Command,
                                              age: int, arguments: list[str]) -> None:
    path = config(issued(sandbox, age))
    done = token(*arguments, "config.yml")
    assert done.returncode == 0 and len(sandbox.token_requests) == 1
    assert sandbox.honours_access(done.stdout[:-1]) and done.stdout[-1] == "\n"
    assert f"access_token: {done.stdout}" in path.read_text()


def test_warnings_are_on_stderr(sandbox: Sandbox, config: Any, token: Command) -> None:
    values = issued(sandbox, WORTH_REFRESHING * WEEK)
    config(values)
    sandbox.answer(Answer(503), times=3)
    done = token("config.yml")
    assert (done.returncode, done.stdout) == (0, f"{values['access_token']}\n")
    assert done.stderr.startswith("warning: config.yml: ")
    assert values["access_token"][:12] not in done.stderr


@pytest.mark.parametrize("arguments, exit_status", [
    (["missing.yml"], 2), (["none.yml"], 3), ([], 2), (["none.yml", "none.yml"], 2)])
def test_errors_leave_stdout_empty(config: Any, token: Command, arguments: list[str],
                                   exit_status: int) -> None:
    config(name="none.yml")
    done = token(*arguments)
    assert (done.returncode, done.stdout) == (exit_status, "") and done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_an_error(sandbox: Sandbox, config: Any,
                                                   token: Command) -> None:
    config(issued(sandbox))
    with open("/dev/full", "w") as full:
        done = token("config.yml", stdout=full)
    assert done.returncode == 5 and "could not be written to stdout" in done.stderr
