"""The three streams and the signals of a command that also runs under cron, pipes and PID 1."""
from __future__ import annotations

import logging
import os
import signal
import sys
from types import FrameType
from typing import TextIO


class Interrupted(BaseException):
    """A signal asked the command to end; its exit status is 128 plus the signal's number."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_status = 128 + signal_number


def prepare() -> None:
    """Make the streams take any text, and keep files from getting the number of a closed one."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def raise_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP raise :class:`Interrupted`, the first of them only."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    raise Interrupted(signal_number)


def out(text: str) -> bool:
    """A result; False where it could not be written."""
    return _write(sys.stdout, text)


def err(text: str) -> None:
    """A warning or an error."""
    _write(sys.stderr, text)


def _write(stream: TextIO | None, text: str) -> bool:
    """Write a line. A reader who has gone, or a full disk behind a redirection, ends nothing."""
    if stream is None:
        return False
    try:
        stream.write(text + "\n")
        stream.flush()
        return True
    except (OSError, ValueError):
        _give_up(stream)
        return False


def _give_up(stream: TextIO) -> None:
    """Let the rest go nowhere, so that the interpreter does not fail when it flushes at exit."""
    try:
        fd = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, fd)
        os.close(nowhere)
    except (OSError, ValueError):
        pass


class LogHandler(logging.Handler):
    """Shows what the package logs on stderr, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        err(f"{record.levelname.lower()}: {record.getMessage()}")
