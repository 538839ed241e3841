"""Streams that are closed, full, gone or in another encoding, and signals."""
from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support import children
from trakt_config.cli import output
from trakt_config.cli.main import main

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def handlers() -> Iterator[None]:
    """The signal handlers are as before afterwards."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def stream_to(path: str, encoding: str = "utf-8") -> io.TextIOWrapper:
    return io.TextIOWrapper(open(path, "wb", buffering=0), encoding=encoding)


# -- streams -------------------------------------------------------------------------------------

def test_results_and_warnings_go_to_their_streams(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each."""
    output.out("a result")
    output.err("a warning")
    assert capsys.readouterr() == ("a result\n", "a warning\n")


def test_what_an_encoding_does_not_have_is_escaped(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LANG=C, and names that are no text at all."""
    stream = stream_to(str(tmp_path / "out"), "ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    output.prepare()
    output.out("Séries \udcff.yml")
    assert (tmp_path / "out").read_bytes() == b"S\\xe9ries \\udcff.yml\n"
    stream.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_behind_a_redirection_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does what is left in the buffer, when the stream is closed at exit."""
    stream = stream_to("/dev/full")
    monkeypatch.setattr(sys, "stdout", stream)
    output.out("a result")
    output.out("another")
    stream.close()


def test_a_reader_that_has_gone_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """trakt-config status ... | head -1"""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stdout", stream)
    output.out("a result")
    stream.close()


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_a_stream_that_is_not_there_or_closed_ends_nothing(
        stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """pythonw, and hosts that take the streams away."""
    if stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    output.prepare()
    output.err("a warning")


class Broken(io.StringIO):
    """A stream that fails, without a file behind it."""

    def write(self, text: str) -> int:
        raise OSError("broken")


def test_giving_up_on_a_stream_leaves_no_file_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run over many configs would run out of them."""
    monkeypatch.setattr(sys, "stdout", Broken())
    before = os.listdir("/dev/fd")
    output.out("a result")
    assert os.listdir("/dev/fd") == before


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_file_never_gets_the_number_of_a_closed_stream(closed: Any) -> None:
    """Else a config that is opened next would take what is printed."""
    def work() -> int:
        for fd in closed:
            os.close(fd)
        output.prepare()
        return os.open(os.devnull, os.O_RDONLY)
    assert children.run(work) > 2


def test_a_closed_stream_whose_number_nothing_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without devices, or a limit: that is an error, and no bug."""
    monkeypatch.setattr(os, "devnull", "/missing")

    def work() -> int:
        os.close(0)
        return main(["authorize", "config.yml"])
    assert children.run(work) == 5


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_an_interpreter_without_a_stream_prints_and_ends_well(redirection: str) -> None:
    """As daemons and some cron jobs are started."""
    code = ("from trakt_config.cli import output; output.prepare(); output.out('a'); "
            "output.err('b')")
    command = ["sh", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, code]
    root = Path(output.__file__).parents[2]
    ended = subprocess.run(command, cwd=root, capture_output=True, timeout=30)
    assert ended.returncode == 0
    assert ended.stdout == (b"" if " >&-" in f" {redirection}" else b"a\n")
    assert ended.stderr == (b"" if "2>&-" in redirection else b"b\n")


# -- signals -------------------------------------------------------------------------------------

@pytest.mark.parametrize("number, exit_status",
                         [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_is_an_exception_with_its_exit_status(
        number: signal.Signals, exit_status: int, handlers: None) -> None:
    """128 plus its number, as shells have it."""
    output.raise_on_signals()
    with pytest.raises(output.Interrupted) as caught:
        signal.raise_signal(number)
    assert caught.value.exit_status == exit_status
    assert not isinstance(caught.value, Exception)


def test_only_the_first_signal_interrupts(handlers: None) -> None:
    """Cleaning up must not be interrupted in its turn."""
    output.raise_on_signals()
    with pytest.raises(output.Interrupted):
        signal.raise_signal(signal.SIGTERM)
    for number in SIGNALS:
        signal.raise_signal(number)


def test_a_signal_that_nohup_ignores_stays_ignored(handlers: None) -> None:
    """It would end what was meant to go on."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    output.raise_on_signals()
    signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


# -- the log -------------------------------------------------------------------------------------

@pytest.mark.parametrize("log, line", [
    (lambda logger: logger.warning("%s: %s", "config.yml", "it is late"),
     "warning: config.yml: it is late\n"),
    (lambda logger: logger.error("no"), "error: no\n"),
    (lambda logger: logger.info("what is done"), "info: what is done\n"),
])
def test_what_the_package_logs_is_a_line_on_stderr(
        log: Callable[[logging.Logger], None], line: str,
        capsys: pytest.CaptureFixture[str]) -> None:
    """With its level in front, in lower case."""
    logger = logging.Logger("test", logging.DEBUG)
    logger.addHandler(output.LogHandler())
    log(logger)
    assert capsys.readouterr() == ("", line)


def test_a_traceback_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """It would quote code, and what an exception holds."""
    logger = logging.Logger("test")
    logger.addHandler(output.LogHandler())
    try:
        raise ValueError("the whole file")
    except ValueError:
        logger.exception("it failed")
    lines: list[str] = capsys.readouterr().err.splitlines()
    assert lines == ["error: it failed"]
