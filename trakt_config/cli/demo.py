"""The tour: the whole job on a built-in Trakt on this machine. No account, no network."""
from __future__ import annotations

import argparse
import os
import re
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Callable

from trakt_config import document
from trakt_config.authorization import authorize
from trakt_config.authorization.run import Options
from trakt_config.cli import output
from trakt_config.errors import SaveError, printable
from trakt_config.sandbox import Sandbox
from trakt_config.sign_in import DeviceCode, Dialog, login

PLACEHOLDER = "#" * 64

#: What passes between the second and the third step; access tokens live for seven days.
DAYS_AWAY = 8


@dataclass(frozen=True)
class TourStep:
    """What one command did to the file, and how often it asked Trakt for tokens."""

    outcome: str
    before: bytes
    after: bytes
    same_mtime: bool
    requests: int

    @property
    def untouched(self) -> bool:
        return self.before == self.after and self.same_mtime


DESCRIPTION = """\
Give a tour: the whole job on a Trakt of our own, in a temporary folder. No account, no network."""

EXAMPLES = """\
  trakt-config demo"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(options: argparse.Namespace) -> int:
    """Give the tour; with ``-q`` only its exit status tells how that went."""
    return tour((lambda text: None) if options.quiet else output.out)


def tour(write: Callable[[str], object]) -> int:
    """Give the tour, a few seconds long, in a temporary folder that is removed at the end.

    :param write: takes the text, a few lines at a time.
    :returns: 0, or 1 where a step did not do what the tour says of it.
    :raises SaveError: there is no place for a temporary folder.
    """
    with _temporary_folder() as folder, Sandbox(interval=1) as sandbox:
        ours = {name: value for name, value in os.environ.items()
                if not name.startswith("TRAKT_CONFIG_")}
        config = Path(folder) / "config.yml"
        _write_sample(config, sandbox)
        write(f"A Trakt of our own runs at {sandbox.url} for as long as this takes.\n"
              f"The config is a copy of the sample, {printable(str(config))}.\n")
        kept_promises = _tour(write, config, sandbox, {**ours, **sandbox.environ})
    write(_NEXT if kept_promises else "This is not what should have happened: it is a bug.")
    return 0 if kept_promises else 1


def _tour(write: Callable[[str], object], config: Path, sandbox: Sandbox,
          environ: Mapping[str, str]) -> bool:
    write("1. A PIN was typed into the config. `trakt-config authorize config.yml`\n"
          "   exchanges it for tokens and empties it; no other byte changes:\n")
    first = _authorize(config, sandbox, environ)
    write(_report(first))
    write("2. The same command once more. The tokens are fresh, so there is nothing to do:\n")
    second = _authorize(config, sandbox, environ)
    write(_report(second))
    write(f"3. {DAYS_AWAY} days later (created_at is set back by that much) the access token has\n"
          "   expired. The refresh token, which works once, is traded for a new pair:\n")
    _set_back(config, DAYS_AWAY * 86400)
    third = _authorize(config, sandbox, environ)
    write(_report(third))
    write("4. Somebody removes the app at Trakt: every token is dead, and only a person can help.\n"
          "   `trakt-config login config.yml` shows a code to enter on any device:\n")
    sandbox.revoke_all()
    fourth = _sign_in(write, config, sandbox, environ)
    write(_report(fourth))
    return ((first.outcome, first.requests) == ("exchanged", 1)
            and (second.outcome, second.requests, second.untouched) == ("fresh", 0, True)
            and (third.outcome, third.requests) == ("refreshed", 1)
            and (fourth.outcome, fourth.requests) == ("signed in", 1))


def _authorize(config: Path, sandbox: Sandbox, environ: Mapping[str, str]) -> TourStep:
    options = Options(environ=environ)
    return _step(config, sandbox,
                 lambda: authorize.ensure_authorized(config, options).outcome.value)


def _sign_in(write: Callable[[str], object], config: Path, sandbox: Sandbox,
             environ: Mapping[str, str]) -> TourStep:
    """The command's part, and the person's."""
    def show(code: DeviceCode) -> None:
        write(f"   Enter {code.user_code} at {code.verification_url}\n"
              "   (the tour does that for you, and clicks Allow)\n")
        sandbox.activate(code.user_code)

    def sign_in() -> str:
        login(config, dialog=Dialog(show_code=show), environ=environ)
        return "signed in"

    return _step(config, sandbox, sign_in)


def _step(config: Path, sandbox: Sandbox, work: Callable[[], str]) -> TourStep:
    before, mtime = config.read_bytes(), config.stat().st_mtime_ns
    asked = _token_requests(sandbox)
    outcome = work()
    return TourStep(outcome, before, config.read_bytes(),
                    same_mtime=config.stat().st_mtime_ns == mtime,
                    requests=_token_requests(sandbox) - asked)


def _token_requests(sandbox: Sandbox) -> int:
    return sum(request.path in ("/oauth/token", "/oauth/device/token")
               for request in sandbox.ledger)


def _report(step: TourStep) -> str:
    if step.untouched:
        change = "The file: the same bytes, and the same modification time."
    else:
        before, after = document.parse(step.before), document.parse(step.after)
        change = document.masked_diff(before, after).rstrip()
    requests = "1 request" if step.requests == 1 else f"{step.requests} requests"
    summary = f"Outcome: {step.outcome}, with {requests} for tokens."
    return textwrap.indent(f"{change}\n\n{summary}\n", "   ")


def _write_sample(config: Path, sandbox: Sandbox) -> None:
    """The sample, filled in as a person would do it, readable by its owner alone."""
    text = (resources.files("trakt_config") / "sample_config.yml").read_text("utf-8")
    for line, value in (("  client_id:", sandbox.client_id),
                        ("  client_secret:", sandbox.client_secret)):
        text = text.replace(f"\n{line} {PLACEHOLDER}\n", f"\n{line} {value}\n", 1)
    text = text.replace("\n  pin:\n", f"\n  pin: {sandbox.issue_code()}\n", 1)
    config.touch(mode=0o600)
    config.write_bytes(text.encode("utf-8"))


def _set_back(config: Path, seconds: int) -> None:
    def earlier(found: re.Match[bytes]) -> bytes:
        return b"created_at: %d" % (int(found[1]) - seconds)

    config.write_bytes(re.sub(rb"created_at: (\d+)", earlier, config.read_bytes(), count=1))


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="trakt-config-demo-")
    except OSError:
        raise SaveError("there is no place for a temporary folder",
                        hint="Set TMPDIR to a folder that you can write to.") from None


_NEXT = """\
That was all of it, and the folder is gone again. Next, with your own config:

  trakt-config authorize --dry-run CONFIG   what would change; asks nobody, writes nothing
  trakt-config login CONFIG                 sign in at Trakt once, interactively
  trakt-config authorize CONFIG             before every run of the media manager"""
