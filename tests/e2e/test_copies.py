"""``trakt-config authorize HOLDER --copy-to OTHER``: what it does, says and exits with."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support.ages import issued
from trakt_config import document
from trakt_config.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
DAY = 86400

Command = Callable[..., Any]


@pytest.fixture
def authorize(environ: Mapping[str, str], tmp_path: Path) -> Command:
    def run(*arguments: str, **more: Any) -> Any:
        return subprocess.run([sys.executable, "-m", "trakt_config", "authorize", *arguments],
                              capture_output=True, text=True, timeout=60, cwd=tmp_path,
                              env={**environ, "PYTHONPATH": str(ROOT)}, **more)
    return run


def values(path: Path) -> dict[str, str]:
    return {key: "" if value.blank else value.text
            for key, value in document.parse(path.read_bytes()).authorization.items()}


def is_copy(other: Path, holder: Path) -> bool:
    return values(other) == {**values(holder), "refresh_token": ""}


def test_a_line_for_each_and_nothing_with_q(sandbox: Sandbox, config: Any,
                                            authorize: Command) -> None:
    """The twin is one by the time that the holder's token is spent; a copy of a copy is none."""
    stale = issued(sandbox, 14 * DAY)
    holder, twin = config(stale, name="a holder.yml"), config(stale, name="twin.yml")
    empty = config(name="empty.yml")
    command = ["a holder.yml", "--copy-to", "twin.yml", "--copy-to", "empty.yml"]
    done = authorize(*command)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    for line, words in zip(lines, ["a holder.yml: refreshed", "twin.yml: copied from a holder.yml",
                                   "empty.yml: copied from a holder.yml"]):
        assert re.fullmatch(re.escape(words) + r", valid until .* \(7 days\)", line)
    assert len(lines) == 3 and is_copy(twin, holder) and is_copy(empty, holder)
    assert sandbox.honours_refresh(values(holder)["refresh_token"])
    times = [path.stat().st_mtime_ns for path in (holder, twin, empty)]
    assert authorize(*command).stdout.splitlines()[1].startswith(
        "twin.yml: has the authorization of a holder.yml, valid until ")
    assert authorize("-q", *command).stdout == ""
    assert [path.stat().st_mtime_ns for path in (holder, twin, empty)] == times
    assert len(sandbox.token_requests) == 1


def test_a_copy_that_is_behind_follows_a_fresh_holder(sandbox: Sandbox, config: Any,
                                                      authorize: Command) -> None:
    """As after a kill between the two."""
    holder, copy = config(issued(sandbox)), config(issued(sandbox, 3 * DAY), name="copy.yml")
    copy.write_text(copy.read_text().replace(values(copy)["refresh_token"], ""))
    assert authorize("config.yml", "--copy-to", "copy.yml").returncode == 0
    assert is_copy(copy, holder) and sandbox.ledger == []


def test_one_that_fails_stops_none_and_the_gravest_counts(sandbox: Sandbox, config: Any,
                                                          authorize: Command) -> None:
    holder, good = config(issued(sandbox, 14 * DAY)), config(name="good.yml")
    own = config(issued(sandbox), name="own.yml")
    before = own.read_bytes()
    done = authorize("--json", "config.yml", "--copy-to", "missing.yml", "--copy-to", "own.yml",
                     "--copy-to", "config.yml", "--copy-to", "good.yml")
    assert done.returncode == 2
    first, *copies = [json.loads(line) for line in done.stdout.splitlines()]
    assert first["outcome"] == "refreshed" and "copy_of" not in first
    assert all(copy["copy_of"] == "config.yml" for copy in copies)
    assert [(copy["config"], copy["outcome"]) for copy in copies] == [
        ("missing.yml", "failed"), ("own.yml", "failed"), ("config.yml", "failed"),
        ("good.yml", "copied")]
    assert [copy["error"] and copy["error"]["path"] for copy in copies] == [
        "missing.yml", "own.yml", "config.yml", None]
    assert copies[-1]["expires_at"] == first["expires_at"]
    assert copies[-1].keys() - {"copy_of"} == first.keys()
    assert is_copy(good, holder) and own.read_bytes() == before
    assert "another one than the holder's" in done.stderr and "does not exist" in done.stderr


def test_without_a_holder_that_is_authorized_nothing_is_copied(sandbox: Sandbox, config: Any,
                                                               authorize: Command) -> None:
    config({})
    other = config(issued(sandbox, 3 * DAY), name="other.yml")
    before = other.read_bytes()
    done = authorize("config.yml", "--copy-to", "other.yml")
    assert (done.returncode, done.stdout, other.read_bytes()) == (3, "", before)


@pytest.mark.parametrize("age", [0, 14 * DAY], ids=["fresh", "due"])
def test_dry_run(age: int, sandbox: Sandbox, config: Any, authorize: Command,
                 tmp_path: Path) -> None:
    """A masked difference for each file that would be written, and the errors that there would be.
    """
    authorization = issued(sandbox, age)
    config(authorization)
    config(authorization, name="twin.yml")
    config({"access_token": "theirs", "refresh_token": "of-its-own"}, name="own.yml")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = authorize("--dry-run", "config.yml", "--copy-to", "twin.yml", "--copy-to", "own.yml")
    assert done.returncode == 2 and "own.yml:" in done.stderr
    _, _, of_twin = done.stdout.partition("twin.yml: would get the access token of config.yml\n")
    assert "-    refresh_token: ********\n" in of_twin and "+    refresh_token:\n" in of_twin
    assert ("access_token: ******** (new)" in of_twin) == (age > 0)
    assert authorization["access_token"] not in done.stdout
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert sandbox.ledger == []


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="needs a second file system")
def test_a_copy_on_another_file_system(sandbox: Sandbox, config: Any, authorize: Command) -> None:
    holder = config(issued(sandbox))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        other = Path(folder, "other.yml")
        other.write_text("trakt:\n  pin:\n")
        assert authorize("config.yml", "--copy-to", str(other)).returncode == 0
        assert is_copy(other, holder) and os.listdir(folder) == ["other.yml"]
