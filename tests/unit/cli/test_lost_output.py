"""What a command says and ends with where its output cannot be written."""
from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support.ages import issued
from trakt_config.cli import dialog, main, output
from trakt_config.sandbox import Sandbox
from trakt_config.sign_in import DeviceCode
from trakt_config.tokens import Secret

WHAT_IS_ASKED_FOR = [
    ["status", "config.yml"], ["status", "--json", "config.yml"], ["status", "--help"],
    ["authorize", "--dry-run", "config.yml"], ["authorize", "--json", "config.yml"],
    ["token", "config.yml"], ["--help"], ["--version"], ["authorize", "--version"]]
WEEK = 604800
LOST = "could not be written to stdout"


@pytest.fixture(autouse=True)
def _in_this_process(sandbox: Sandbox, config: Any, tmp_path: Path,
                     monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    given_up: dict[int, int] = {}
    monkeypatch.setattr(output, "_given_up", given_up)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output, "raise_on_signals", lambda: None)
    for name, value in sandbox.environ.items():
        monkeypatch.setenv(name, value)
    config(issued(sandbox))
    yield
    for kept in given_up.values():
        os.close(kept)


@contextmanager
def _full() -> Iterator[io.TextIOBase]:
    with open("/dev/full", "w", encoding="utf-8") as stream:
        yield stream


@contextmanager
def _closed() -> Iterator[io.TextIOBase | None]:
    """As Python starts with where the descriptor is closed."""
    yield None


@contextmanager
def _without_reader() -> Iterator[io.TextIOBase]:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield stream


def _run(words: list[str], stdout: Callable[[], Any]) -> int:
    with stdout() as stream, redirect_stdout(stream):
        try:
            return main.main(words)
        except SystemExit as end:
            assert isinstance(end.code, int)
            return end.code


@pytest.mark.parametrize("stdout", [_full, _closed])
@pytest.mark.parametrize("words", WHAT_IS_ASKED_FOR, ids=" ".join)
def test_what_was_asked_for_and_is_lost_is_an_error(
        words: list[str], stdout: Callable[[], Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(words, stdout) == 5
    said = capsys.readouterr().err
    assert said.count(LOST) == 1 and "\n  Check " in said


@pytest.mark.parametrize("words", WHAT_IS_ASKED_FOR, ids=" ".join)
def test_a_reader_that_goes_away_has_seen_enough(
        words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if words[0] == "token":  # Something waits for it.
        assert _run(words, _without_reader) == 5
    else:
        assert _run(words, _without_reader) == 0
        assert LOST not in capsys.readouterr().err


def test_it_is_graver_than_what_the_output_would_have_said(
        capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.yml").write_text("trakt:\n  pin\n", encoding="utf-8")
    assert _run(["authorize", "--json", "config.yml"], _full) == 5
    said = capsys.readouterr().err
    assert "there is no colon" in said and LOST in said
    assert _run(["authorize", "--json", "config.yml"], _without_reader) == 2


def test_a_job_that_is_done_stays_done(sandbox: Sandbox, config: Any,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    config(issued(sandbox, WEEK))
    assert _run(["authorize", "config.yml"], _full) == 0
    assert capsys.readouterr().err.startswith("warning: the output could not be written")
    for stdout in (_closed, _without_reader):  # Somebody wants no word of it.
        assert _run(["authorize", "config.yml"], stdout) == 0
        assert capsys.readouterr().err == ""


def _shown_code() -> dialog.Conversation:
    conversation = dialog.Conversation("device")
    conversation.dialog().show_code(DeviceCode(
        Secret("device-code"), "A1B2C3D4", "https://trakt.tv/activate", 600, 5))
    return conversation


def test_a_code_is_shown_on_stderr_once_nobody_reads_stdout(
        capsys: pytest.CaptureFixture[str]) -> None:
    """As with `login | head -3`, whose reader takes the page, and goes before the code."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as stream, redirect_stdout(stream):
        countdown = _shown_code().dialog().countdown
        countdown(600)
        assert "A1B2C3D4" not in capsys.readouterr().err
        os.close(reading)
        countdown(599)
        countdown(598)
        assert capsys.readouterr().err.count("A1B2C3D4") == 2  # In the page, and in its link.


def test_a_sign_in_ends_where_nobody_can_see_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with `login 2>&1 | head -3`, which would wait for ten minutes."""
    for stdout in (_without_reader, _closed, _full):
        with _without_reader() as stderr, monkeypatch.context() as patched:
            patched.setattr(sys, "stderr", stderr)
            assert _run(["login", "config.yml"], stdout) == 5
