"""What a command says, and the streams and signals of one that also runs under cron and as PID 1.
"""
from __future__ import annotations

import logging
import os
import signal
import sys
from datetime import datetime, timedelta, timezone
from types import FrameType
from typing import TextIO

from trakt_config.errors import SaveError, os_reason, printable

#: What asks a command to end, as far as this system has it.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP")
                if hasattr(signal, name))


class Interrupted(BaseException):
    """A signal asked the command to end; its exit status is 128 plus the signal's number."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_status = 128 + signal_number


def prepare() -> None:
    """Make the streams take any text, and keep files from getting the number of a closed one.

    :raises SaveError: one is closed, and nothing can take its number.
    """
    take_loss()
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            _open_nowhere()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _open_nowhere() -> None:
    try:
        os.open(os.devnull, os.O_RDWR)
    except OSError as error:
        raise SaveError(f"a standard stream is closed, and {os.devnull} cannot be opened: "
                        f"{os_reason(error)}",
                        hint="Nothing was done. Open the stream, or make the device.") from None


def raise_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP raise :class:`Interrupted`, the first of them only."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Interrupted(signal_number)


def out(text: str) -> bool:
    """A result; False where it could not be written, which :func:`take_loss` knows of."""
    error = _write(sys.stdout, text)
    if error and not isinstance(error, ConnectionError):
        _losses.append(os_reason(error) if isinstance(error, OSError) else CLOSED)
    return error is None


def json(value: object) -> bool:
    """A result for programs: one object on a line."""
    from json import dumps
    return out(dumps(value))


def err(text: str) -> bool:
    """A warning or an error; False where it could not be written."""
    return _write(sys.stderr, text) is None


CLOSED = "it is closed"
#: Why stdout did not take something.
_losses: list[str] = []


def take_loss() -> str:
    """Why something of the output was lost since the last call; empty where nothing was, or where
    the reader had gone, who has seen enough.
    """
    why = _losses[0] if _losses else ""
    _losses.clear()
    return why


def reader_has_gone() -> bool:
    """Whether nobody reads the pipe any more that stdout is."""
    try:
        import select
        pipe = select.poll()
        pipe.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in pipe.poll(0))
    except (AttributeError, OSError, ValueError):  # There is no poll, or no stdout.
        return False


def _write(stream: TextIO | None, text: str) -> Exception | None:
    """Write a line, or return why not. A reader who has gone, or a full disk, ends nothing."""
    try:
        if stream is None:
            raise ValueError
        stream.write(text + "\n")
        stream.flush()
        return None
    except (OSError, ValueError) as error:
        if stream is not None:
            _give_up(stream)
        return error


#: The descriptors that go nowhere by now, and duplicates of what they were.
_given_up: dict[int, int] = {}


def _give_up(stream: TextIO) -> None:
    """Let the rest go nowhere, so that the interpreter does not fail when it flushes at exit."""
    try:
        fd = stream.fileno()
        if fd not in _given_up:
            _given_up[fd] = os.dup(fd)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, fd)
        os.close(nowhere)
    except (OSError, ValueError):
        pass


def give_back_streams() -> None:
    """For a program that this process becomes: it may get rid of its words where we could not."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()  # To nowhere, if it was given up.
        except (AttributeError, OSError, ValueError):
            pass
    for fd, kept in _given_up.items():
        os.dup2(kept, fd)


class LogHandler(logging.Handler):
    """Shows what the package logs on stderr, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno > logging.DEBUG:  # What -v tells is just told.
            text = f"{record.levelname.lower()}: {text}"
        err(_marked(sys.stderr, _WARNING, text) if record.levelno >= logging.WARNING else text)


class Collector(logging.Handler):
    """Keeps the warnings about one config, for a program."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.begin("")

    def begin(self, config: str, first: str | None = None) -> None:
        """Those that follow are about this one; `first` was told before."""
        self._start = f"{printable(config)}: "
        self.sentences: list[str] = [first] if first else []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        self.sentences.append(text[len(self._start):] if text.startswith(self._start) else text)


# -- marks ---------------------------------------------------------------------------------------

#: A mark and a colour (ECMA-48, SGR), for terminals alone.
_DONE = ("\u2713", "32")
_WARNING = ("!", "33")
_ERROR = ("\u2717", "31")


def done(text: str) -> bool:
    """A result of something that was done, with a mark where a person looks on."""
    return out(_marked(sys.stdout, _DONE, text))


def error(text: str) -> None:
    """An error, with a mark where a person looks on."""
    err(_marked(sys.stderr, _ERROR, text))


def _marked(stream: TextIO | None, mark: tuple[str, str], text: str) -> str:
    """`text` behind a coloured mark; as it is where the stream is no terminal (see no-color.org).
    """
    if not _has_colour(stream):
        return text
    sign, colour = mark
    return f"\x1b[{colour}m{sign}\x1b[0m {text}"


def _has_colour(stream: TextIO | None) -> bool:
    """Whether somebody looks at the stream who wants colour, in an encoding that has the marks."""
    return (is_utf8_terminal(stream) and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM", "dumb") != "dumb")


def is_utf8_terminal(stream: TextIO | None) -> bool:
    """Whether it shows marks, and the block characters of a QR code."""
    encoding = getattr(stream, "encoding", None) or ""
    return is_terminal(stream) and encoding.lower().replace("-", "") == "utf8"


def is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # It is closed.
        return False


# -- words ---------------------------------------------------------------------------------------

def validity(expires_at: datetime) -> str:
    left = expires_at - datetime.now(timezone.utc)
    return f"valid until {local_time(expires_at)} ({for_people(left)})"


def local_time(moment: datetime) -> str:
    try:
        moment = moment.astimezone()
    except (ValueError, OverflowError, OSError):
        pass  # TZ says something that no clock can show; UTC says it too.
    return moment.strftime("%Y-%m-%d %H:%M %Z")


def rfc3339(moment: datetime) -> str:
    """A moment in UTC, for programs (RFC 3339)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def for_people(left: timedelta) -> str:
    """A duration, rounded to the nearest whole number of its largest unit."""
    seconds = max(0, round(left.total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = (seconds + length // 2) // length
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} s"
