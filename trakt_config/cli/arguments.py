"""Arguments that several commands take, and a parser that says what was meant."""
from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any, NoReturn

from trakt_config.cli import boundary, output
from trakt_config.errors import printable, quoted_for_shell
from trakt_config.tokens import LONGEST_LIFETIME

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"([0-9]+(?:\.[0-9]{1,9})?)([a-z])")

#: Columns of a help text; narrower on a narrow terminal.
_WIDTH = 98


#: What Trakt shows as a PIN. (Others are longer; none is ever repeated here.)
_PIN = re.compile(r"[0-9A-Fa-f]{8}|[0-9A-Fa-f]{64}")
_NO_SECRET = ("a PIN or a secret is never an argument, which others can read: it is asked for, "
              "read from stdin, or taken from the config")
_SECRETS = re.compile(r"--?(?:client|.*(?:secret|token|passw|code))")

#: An option as it may be repeated: not what is glued to it, which may be a secret.
_OPTION = re.compile("--[A-Za-z][A-Za-z_-]*|-[A-Za-z]")
#: Options that other programs have for what is an argument here.
CONFIG_OPTIONS = ("--config", "--config-file", "--file", "-c")
#: Options that other programs have for what is ``--json`` here.
_JSON_OPTIONS = ("--format", "--output", "--output-format", "-j", "-o")
#: Options for what `login` does without one.
_CODE_OPTIONS = ("--code", "--device", "--device-code")
#: Options that take a time.
_TIMES = ("--min-validity", "--lifetime")
#: What editors and pages make of hyphens.
_OTHER_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_PLAIN_HYPHENS = "an option begins with two plain hyphens (--), and not with a longer dash"
_PATH = re.compile(r".*[/.]\w.*", re.DOTALL)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Asks the terminal for its width only to show something, since one is made per argument."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_WIDTH)

    def format_help(self) -> str:
        from shutil import get_terminal_size
        self._width = max(20, min(_WIDTH, get_terminal_size().columns - 2))
        return super().format_help()


class Parser(argparse.ArgumentParser):
    """Names the option that was meant, and never repeats what may be a secret."""

    #: Said of a word too many; a command may know better.
    too_many = ""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_Formatter, **settings)
        self._words: list[str] = []

    @property
    def options(self) -> Collection[str]:
        return self._option_string_actions

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """A help text that could not be shown is a failure, as other output is."""
        if message:
            self._print_message(message, sys.stderr)
        sys.exit(status or boundary.with_output(0))

    def _print_message(self, message: str, file: Any = None) -> None:
        show = output.err if file is not None and file is sys.stderr else output.out
        show(message.rstrip("\n"))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """What a command does not know is its own error, with its own usage."""
        self._words = list(args or ())
        found, unknown = super().parse_known_args(_with_negative_times(self._words), namespace)
        if unknown:
            self.refuse(unknown[0])
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """In words of our own where argparse's would quote, or say little."""
        if message.startswith(("the following arguments are required", "argument CONFIG")):
            self._refuse_unknown_option()
        why = f" ({_NO_SECRET})" if message.startswith("argument --pin") else ""
        message = re.sub("ignored explicit argument .*", f"takes no value{why}", message,
                         flags=re.DOTALL)
        message = message.replace("expected one argument", "a value has to follow")
        self.exit(2, f"{self.format_usage()}{self.prog}: {message}\n")

    def _refuse_unknown_option(self) -> None:
        """An option that is not known, in the place of what is missing then."""
        words, self._words = self._words, []
        for word in words[:words.index("--")] if "--" in words else words:
            option = _OPTION.match(word)
            if option and word.startswith("-") and option[0] not in self.options:
                self.refuse(word)

    def refuse(self, word: str) -> NoReturn:
        """The error for a word that is not known."""
        option = _OPTION.match(word)
        if option and option[0] in self.options and word[option.end():][:1] == "=":
            self.error(f"argument {option[0]}: takes no value")
        if word[:1] in _OTHER_DASHES:
            self.error(_PLAIN_HYPHENS)
        if option is None:
            path = _PATH.fullmatch(word) is not None
            self.error(self.too_many or "there is an argument too many" + (
                f": {printable(word)}" if path else f" ({_NO_SECRET})"))
        if option[0].replace("_", "-") == "--client-id":
            self.error(f"there is no option {option[0]}: it stands in the config, and login asks "
                       "for it, or reads it from stdin, where it does not")
        if option[0] in _CODE_OPTIONS and "--browser" in self.options:
            self.error(f"there is no option {option[0]}: without one, login gives a code to enter "
                       "on any device")
        if _SECRETS.match(option[0]):
            self.error(f"there is no option {option[0]}: {_NO_SECRET}")
        self.error(f"there is no option {option[0]}{self._meant(word, option[0])}")

    def _meant(self, word: str, option: str) -> str:
        if not word.startswith("--") and os.path.lexists(word):
            return f"; did you mean {quoted_for_shell(word)}?"
        if option in CONFIG_OPTIONS:
            return ": the config is named without one"
        if option in _JSON_OPTIONS and "--json" in self.options:
            return "; did you mean --json?"
        if not word.startswith("--"):
            return did_you_mean(word.partition("=")[0], self.options)
        return did_you_mean(option, self.options)


def _with_negative_times(words: Iterable[str]) -> list[str]:
    """``--min-validity -1h`` as one word: else the time is taken for an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _TIMES and re.match("-[0-9]", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question to append to a message; empty where nothing is alike."""
    from difflib import get_close_matches
    bare = {name.lstrip("-"): name for name in known}
    typed = word.lstrip("-").replace("_", "-")
    begun = [name for name in bare if len(typed) > 2 and name.startswith(typed)]
    close = begun or get_close_matches(typed, list(bare), 1, 0.7)
    return f"; did you mean {bare[close[0]]}?" if close else ""


def is_duration(text: str) -> bool:
    """Whether :func:`duration` takes it."""
    try:
        duration(text)
        return True
    except argparse.ArgumentTypeError:
        return False


def duration(text: str) -> timedelta:
    """``30s``, ``45m``, ``6h``, ``1.5h``, ``1h30m``, ``2d``, ``1w`` or ``0``, up to ten years."""
    text = text.strip().lower()
    if text.startswith("-"):
        raise argparse.ArgumentTypeError("a time cannot be negative")
    if text == "0":
        return timedelta()
    if re.fullmatch(r"[0-9]+(?:\.[0-9]*)?", text):
        raise argparse.ArgumentTypeError(f"which unit? For example {text}s, {text}m or {text}h")
    parts = _PART.findall(text)
    units = [unit for _, unit in parts]
    if not parts or "".join(number + unit for number, unit in parts) != text \
            or units != sorted(set(units) & set(_UNITS), key=lambda unit: -_UNITS[unit]):
        raise argparse.ArgumentTypeError("use a number with a unit: 30s, 45m, 6h, 1h30m, 2d, 1w")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > LONGEST_LIFETIME:
        raise argparse.ArgumentTypeError("ten years is the longest")
    return timedelta(seconds=seconds)


def path(text: str) -> str:
    """A path that is not empty, as an unset variable of a shell leaves it, and not a PIN."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty: an unset shell variable?")
    option = _OPTION.match(text)
    if option and not os.path.lexists(text):
        raise argparse.ArgumentTypeError(f"{option[0]} is behind --, where only paths are")
    if text[0] in _OTHER_DASHES and not os.path.lexists(text):
        raise argparse.ArgumentTypeError(_PLAIN_HYPHENS)
    if _PIN.fullmatch(text) and not os.path.lexists(text):
        raise argparse.ArgumentTypeError(f"this looks like a PIN; {_NO_SECRET}")
    return text


def add_config(parser: argparse.ArgumentParser) -> None:
    """The one config that a command is for."""
    parser.add_argument("config", metavar="CONFIG", type=path, help="a YAML config")


def add_configs(parser: argparse.ArgumentParser) -> None:
    """One config or more."""
    parser.add_argument("configs", metavar="CONFIG", nargs="+", type=path, help="a YAML config")


def add_min_validity(parser: argparse.ArgumentParser) -> None:
    from trakt_config.authorization.run import MIN_VALIDITY  # which not every command needs
    parser.add_argument("--min-validity", metavar="TIME", type=duration, default=MIN_VALIDITY,
                        help="how long the access token has to be valid from now on: 45m, 6h, "
                             f"1h30m, 2d (default: {MIN_VALIDITY // timedelta(minutes=1)}m)")
