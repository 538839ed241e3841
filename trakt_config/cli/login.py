"""``trakt-config login CONFIG``: arguments, and the questions for what a config has not yet."""
from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING, Callable

from trakt_config.cli import arguments, output, pasted, terminal
from trakt_config.errors import (
    APPS_PAGE,
    NEW_APP_PAGE,
    ClientRejected,
    ConfigError,
    LoginRequired,
    TraktConfigError,
    command,
    printable,
    with_path,
)
from trakt_config.tokens import Client

if TYPE_CHECKING:
    from trakt_config.sign_in import Dialog, NewClient
    from trakt_config.tokens import Authorization

#: How often a person is asked for the same thing.
TRIES = 3

DESCRIPTION = """\
Sign in at Trakt and save the authorization in the config, over the one that is there.
As a rule with a code that you enter on any device. Where the config has no client_id
yet, it asks for that and for the client_secret, or reads them from stdin, one a line."""

EXAMPLES = """\
  trakt-config login config.yml             with a code, entered on any device
  trakt-config login --create trakt.yml     a new file
  trakt-config login --browser config.yml   with a browser on this machine"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config(parser)
    method = parser.add_mutually_exclusive_group()
    method.add_argument("--browser", dest="method", action="store_const", const="browser",
                        help="sign in with a browser on this machine; needs a redirect_uri such as "
                             "http://127.0.0.1:8765/callback, here and at the Trakt app")
    method.add_argument("--pin", dest="method", action="store_const", const="pin",
                        help="sign in with a browser anywhere, and type the PIN that it shows, "
                             "or the whole address that it is sent to")
    parser.add_argument("--create", action="store_true",
                        help="create the config if it does not exist, readable by you alone; "
                             "at a terminal that needs no option")
    parser.add_argument("--other-account", action="store_true",
                        help="let Trakt ask who is signing in, for an account other than the one "
                             "that the browser is signed in to; with a code, which leaves no way "
                             "to, it says what to do in the browser")
    parser.set_defaults(method="device")


def run(options: argparse.Namespace) -> None:
    """Let the person sign in."""
    try:
        _sign_in(options)
    except output.Interrupted:
        if terminal.is_interactive():
            output.err("")  # The shell's prompt shall not follow ^C or a half-typed answer.
        raise


def _sign_in(options: argparse.Namespace) -> None:
    from trakt_config.cli.dialog import Conversation
    conversation = Conversation(options.method, other_account=options.other_account)
    try:
        authorization = _until_accepted(options, conversation.dialog())
    except LoginRequired as error:
        if error.reason != "no_browser":  # Of which another way is advised.
            error.hint = re.sub("trakt-config login (?:--pin )?",
                                f"trakt-config {_again(options)} ", error.hint)
        raise
    if not options.quiet:
        output.done(f"{printable(options.config)}: signed in, "
                    f"{output.validity(authorization.expires_at)}")
        if conversation.account:
            output.out(f"The account is {conversation.account}.")
    _warn_of_readers(options.config)


def _until_accepted(options: argparse.Namespace, dialog: Dialog) -> Authorization:
    """Sign in; with another id and secret, where Trakt refuses what was typed at a terminal."""
    for left in reversed(range(TRIES)):
        client = _client_from_person(options, again=left < TRIES - 1)
        try:
            return _with_client(options, client, dialog)
        except ClientRejected as error:
            if not client or not left or not terminal.is_interactive():
                raise
            output.err(f"\n{error.message}. Nothing was saved. Try again:\n")
    raise AssertionError("unreachable")


def _with_client(options: argparse.Namespace, client: NewClient, dialog: Dialog) -> Authorization:
    from trakt_config import sign_in
    other_account = options.other_account and options.method != "device"
    if not client:
        return sign_in.login(options.config, method=options.method, dialog=dialog,
                             other_account=other_account)
    try:
        return sign_in.login_with(options.config, client, method=options.method, dialog=dialog,
                                  other_account=other_account)
    except ClientRejected as error:
        error.hint = ("Nothing was written. Copy client_id and client_secret again from the page "
                      f"of your app: {APPS_PAGE}")
        raise
    except output.Interrupted:
        if terminal.is_interactive() and _is_written(options.config, client):
            output.err("\n" + with_path(f"{printable(options.config)} keeps what you typed, and is "
                                        f"not signed in. To go on: {command(_again(options))}",
                                        options.config))
            _warn_of_readers(options.config)
        raise
    except sign_in.CannotRegister as error:
        problem = error.problem
        problem.path = options.config
    output.err(sign_in.block(client.client_id, has_secret=bool(client.client_secret),
                             redirect_uri=client.redirect_uri).rstrip("\n"))
    raise ConfigError(problem.message, path=options.config, line=problem.line,
                      column=problem.column,
                      hint=f"{problem.hint} Or paste what is missing of the lines above into the "
                           "config, with your client_secret, and run this again.")


def _is_written(config: str, client: NewClient) -> bool:
    """Whether what was typed is in the config by now."""
    from trakt_config import sign_in
    try:
        missing = sign_in.missing(config)
    except TraktConfigError:
        return False
    return ("client_id" if client.client_id else "client_secret") not in missing


def _again(options: argparse.Namespace) -> str:
    """The same way to sign in, for a hint."""
    method = "" if options.method == "device" else f" --{options.method}"
    return f"login{method}{' --other-account' if options.other_account else ''}"


# -- what a config has not yet -------------------------------------------------------------------

def _client_from_person(options: argparse.Namespace, *, again: bool) -> NewClient:
    """Id and secret, as far as the config has none; the secret is empty where the app has none.

    A secret alone is asked for at a terminal only: what comes on stdin may be the PIN.
    """
    from trakt_config import sign_in
    redirect_uri = sign_in.loopback_uri(options.config) if options.method == "browser" else ""
    keys = _missing(options, again=again)
    if "client_id" in keys:
        if not again and terminal.is_interactive():
            sign_in.refuse_unfillable(options.config)
            output.err(_introduction(options.config, redirect_uri or sign_in.LOOPBACK_URI))
        client_id = _ask_for_id(options.config)
        secret = _ask_for_secret(options.config) if "client_secret" in keys else ""
        return sign_in.NewClient(client_id, secret, redirect_uri)
    if "client_secret" in keys and terminal.is_interactive():
        return sign_in.NewClient(client_secret=_ask_for_secret(options.config))
    return sign_in.NewClient()


def _missing(options: argparse.Namespace, *, again: bool) -> tuple[str, ...]:
    """What the config does not have; a person is told where it does not even exist."""
    from trakt_config import sign_in
    from trakt_config.authorization.run import left_without_config
    if _is_there(options.config):
        missing = sign_in.missing(options.config)
        key = sign_in.foreign_key(options.config) if missing and not again else ""
        if key:
            output.err(f"warning: {printable(options.config)}: it has a key {key}, as another "
                       "program's file has, and no trakt block: is this the right file?")
        comment = sign_in.commented_out(options.config) \
            if "client_id" in missing and not again else ""
        if comment:
            output.err(f"warning: {comment}")
        return missing
    if not os.path.isdir(os.path.dirname(options.config) or os.curdir):
        raise ConfigError("the config does not exist, and cannot be created: its folder does not "
                          "exist either", path=options.config,
                          hint="Check the path, or create the folder first.")
    if not options.create and not terminal.is_interactive():
        raise ConfigError("the config does not exist", path=options.config,
                          hint=left_without_config(options.config, os.environ)
                          or f"Check its path, or create it: {command('login --create')}")
    if terminal.is_interactive() and not again:
        output.err(f"{printable(options.config)} does not exist yet; it will be created.")
    return "client_id", "client_secret"


def _is_there(config: str) -> bool:
    """Whether there is such a file.

    :raises ConfigError: this user may not look.
    """
    try:
        os.lstat(config)
        return True
    except PermissionError:
        from trakt_config import storage
        try:
            storage.resolve(config)
        except ConfigError as error:
            error.path = config
            raise
        return True
    except (OSError, ValueError):
        return False


def _introduction(config: str, redirect_uri: str) -> str:
    return (f"{printable(config)} has no client_id yet. It is on the page of your API app at "
            f"Trakt; make one at\n\n  {NEW_APP_PAGE}\n\n"
            "The page shows what Trakt asks for. Give the app these redirect URIs, one a line:\n\n"
            f"  {Client.redirect_uri}\n  {printable(redirect_uri)}\n")


def _ask_for_id(config: str) -> str:
    client_id = _asked(config, "client_id", lambda: terminal.ask("Client ID: ", insist=True))
    if not client_id:
        how = "Nothing was written." if terminal.is_interactive() \
            else "Run this at a terminal, or give it on stdin."
        raise ConfigError("trakt has no client_id, and none was given", path=config,
                          hint=f"{how} {NEW_APP_PAGE}")
    return client_id


def _ask_for_secret(config: str) -> str:
    if terminal.is_interactive():
        output.err("(Kometa cannot use an app that has no client_secret.)")
    try:
        return _asked(config, "client_secret", lambda: terminal.ask_secret(
            "Client secret (not shown; leave it empty if the app has none): "))
    except EOFError:
        raise ConfigError("the input ended before the client_secret", path=config,
                          hint="Nothing was written. Press Enter there if the app has none."
                          ) from None


def _asked(config: str, name: str, ask: Callable[[], str]) -> str:
    """What was typed, if it can be an id or a secret; at a terminal it is asked for again."""
    for left in reversed(range(TRIES)):
        try:
            return _checked(config, name, pasted.without_wrapping(ask(), name))
        except ConfigError as error:
            if not left or not terminal.is_interactive():
                raise
            output.err(f"{error.message}. {error.hint}")
    raise AssertionError("unreachable")


def _checked(config: str, name: str, text: str) -> str:
    """`text`, if it can be an id or a secret; what was typed is never quoted."""
    for number, character in enumerate(text, 1):
        if not "!" <= character <= "~":
            what = "a space" if character.isspace() else "not printable ASCII"
            raise ConfigError(f"{name}: character {number} is {what}", path=config,
                              hint="Copy the value again, without spaces and invisible characters.")
    return text


def _warn_of_readers(config: str) -> None:
    from trakt_config import storage
    if storage.readable_by_others(config):
        output.err(f"warning: {printable(config)}: {storage.readable_warning(config)}")
