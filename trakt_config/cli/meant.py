"""What was meant by a command line whose command is missing, misspelt, or not at its beginning."""
from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Callable

from trakt_config.cli.arguments import CONFIG_OPTIONS, Parser, did_you_mean, is_duration
from trakt_config.errors import printable, quoted_for_shell

#: What people call our commands.
_OTHER_NAMES = {"refresh": "authorize", "renew": "authorize", "check": "status", "show": "status",
                "signin": "login", "signout": "logout", "revoke": "logout", "run": "exec"}

#: Where options alone tell which command is meant: the first that has them, least harm first.
_BY_OPTIONS = ("status", "authorize", "login", "logout")

#: The options of a command, by its name.
OptionsOf = Callable[[str], Collection[str]]


def refuse(parser: Parser, chosen: str, argv: Sequence[str], commands: Mapping[str, str],
           options_of: OptionsOf) -> None:
    """The error where no command comes first; ``--help`` and ``--version`` need none.

    :param chosen: the first word that is no option.
    """
    if argv and argv[0].partition("=")[0] in CONFIG_OPTIONS:  # What follows is its value.
        parser.refuse(argv[0])
    if argv[:1] != [chosen] or os.path.exists(chosen):
        in_order = _in_order(argv, commands, options_of)
        if in_order:
            parser.error(f"a command has to come first; did you mean: {in_order}")
    if chosen and not re.fullmatch("[A-Za-z-]{1,20}", chosen):
        parser.error(f"a command has to come first: {', '.join(commands)}")
    if chosen and chosen not in commands:
        parser.error(f"there is no command {printable(chosen)}{_meant(chosen, commands)}")
    for word in argv:
        if word not in parser.options and word != chosen:
            parser.refuse(word)
    if not chosen and not {"-h", "--help", "--version"} & set(argv):
        parser.error(f"a command has to follow: {', '.join(commands)} (trakt-config --help says "
                     "what they do)")


def _in_order(argv: Sequence[str], commands: Mapping[str, str], options_of: OptionsOf) -> str:
    """The same words behind their command; empty where one is no option, time or file, and may be
    a secret.
    """
    name, words = _command_and_rest(argv, commands)
    if not name and any(map(os.path.lexists, words)):
        name = _with_options([word.partition("=")[0] for word in words
                              if word.startswith("-")], options_of)
    if not name:
        return ""
    known = options_of(name)
    if not all(_is_understood(word, known) for word in words):
        return ""
    return " ".join(["trakt-config", name, *(
        quoted_for_shell(word) if os.path.lexists(word) else word for word in words)])


def _is_understood(word: str, known: Collection[str]) -> bool:
    option, is_given, value = word.partition("=")
    return (os.path.lexists(word) or is_duration(word)
            or option in known and (not is_given or is_duration(value)))


def _command_and_rest(argv: Sequence[str],
                      commands: Mapping[str, str]) -> tuple[str, Sequence[str]]:
    words = list(argv[1:] if argv[:1] == ["--"] else argv)
    for number, word in enumerate(words):
        name = word.lstrip("-").lower()
        if name in commands:
            return name, words[:number] + words[number + 1:]
    return "", words


def _with_options(options: Sequence[str], options_of: OptionsOf) -> str:
    """The command that has them."""
    general = options_of("demo")
    if all(option in general for option in options):
        return "authorize"
    return next((name for name in _BY_OPTIONS
                 if all(option in options_of(name) for option in options)), "")


def _meant(word: str, commands: Mapping[str, str]) -> str:
    """What somebody may have meant who named no command."""
    name = word.lower()
    if name in _OTHER_NAMES:
        return f"; did you mean {_OTHER_NAMES[name]}?"
    if name in ("help", "version"):
        return f"; did you mean: trakt-config --{name}"
    return did_you_mean(name, commands) or f"; there are {', '.join(commands)}"
