"""Questions to the person at the terminal, or to the program at the other end of stdin."""
from __future__ import annotations

import os
import sys
from typing import TextIO

from trakt_config.cli import output

#: Characters of an answer; what comes after them is not read.
LONGEST_LINE = 4096

#: An answer that cannot be decoded. No id, secret or pin has this: it is refused as what it is.
NO_TEXT = "\ufffd"

_ERASE_LINE = "\r\x1b[K"


def is_interactive() -> bool:
    """Whether somebody is there who can answer questions."""
    return output.is_terminal(sys.stdin)


def ask(question: str, *, insist: bool = False) -> str:
    """A line of stdin without the blanks around it; empty at its end.

    The question goes to stderr (or to stdout, where that is what a person sees), and nowhere
    when the answer comes from a file or a program.

    :param insist: ask a person again who has only pressed Enter.
    """
    while True:
        answer = _asked(question)
        if not (insist and is_interactive() and answer.endswith("\n") and not answer.strip()):
            return answer.strip()


def ask_secret(question: str) -> str:
    """The same, and nothing of the answer is shown.

    :raises EOFError: a person has pressed Ctrl-D: that is no empty answer.
    """
    if not is_interactive():
        return _line().strip()
    import getpass
    try:
        return getpass.getpass(question).strip()
    except UnicodeDecodeError:
        return NO_TEXT
    except EOFError:
        _show(sys.stderr, "\n")
        raise


def agrees(question: str) -> bool:
    """Whether a person says yes; an empty line is a yes, Ctrl-D is none.

    False where nobody is asked.
    """
    if not is_interactive():
        return False
    answer = _asked(f"{question} [Y/n] ")
    return answer.endswith("\n") and answer.strip().lower() in ("", "y", "yes")


def has_typed_a_line() -> bool:
    """Whether a person has pressed Enter since the last look; never waits."""
    import select
    try:
        fd = sys.stdin.fileno()
        # A job in the background may not read from its terminal: it would be stopped.
        if not is_interactive() or os.tcgetpgrp(fd) != os.getpgrp():
            return False
        return bool(select.select([fd], [], [], 0)[0]) and _line().endswith("\n")
    except (AttributeError, OSError, ValueError):  # Windows has neither.
        return False


def countdown(left: float | None) -> None:
    """Show on one line of a terminal how much time is left, in seconds; None erases it.

    The cursor stays at the line's beginning, so that a warning takes the line's place.
    """
    if not output.is_terminal(sys.stderr) or os.environ.get("TERM", "dumb") == "dumb":
        return
    if left is None:
        _show(sys.stderr, _ERASE_LINE)
    else:
        minutes, seconds = divmod(int(left), 60)
        _show(sys.stderr,
              f"{_ERASE_LINE}Waiting for you at Trakt, {minutes}:{seconds:02d} left\r")


def _asked(question: str) -> str:
    """Ask, where somebody is there, and read the line that is the answer."""
    if is_interactive():
        redirected = output.is_terminal(sys.stdout) and not output.is_terminal(sys.stderr)
        stream = sys.stdout if redirected else sys.stderr
        _show(stream, question)
        answer = _line()
        if not answer:
            _show(stream, "\n")  # Ctrl-D leaves the cursor behind the question.
        return answer
    return _line()


def _line() -> str:
    """A line of stdin with its end; empty at the end of stdin."""
    try:
        return sys.stdin.readline(LONGEST_LINE) if sys.stdin else ""
    except UnicodeDecodeError:
        return NO_TEXT
    except (OSError, ValueError):
        return ""


def _show(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        pass
