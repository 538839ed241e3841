"""Put the API app's client_id and client_secret into a config that has none (``login`` asks).

Nothing that Trakt refuses stays there: a client_id is written once Trakt has taken it, and what was
written is taken out again where Trakt refuses the app in the end.
"""
from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from trakt_config import document, storage
from trakt_config.authorization import recovery, save
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.run import (
    ConfigPath,
    Options,
    Run,
    name_of,
    reports_errors,
)
from trakt_config.errors import (
    APPS_PAGE,
    ClientRejected,
    ConfigError,
    TraktConfigError,
    os_reason,
    pass_on_hosts,
    suppress_systems,
)
from trakt_config.sign_in import loopback

#: What `login` writes for a sign-in in the browser where it writes the block.
LOOPBACK_URI = "http://127.0.0.1:8765/callback"

#: Keys of the root that compose files, manifests of Kubernetes and workflows have.
_FOREIGN_KEY = re.compile(rb"(?m)^(services|apiVersion|jobs):")

#: The bytes of a config before and after an edit.
Edit = tuple[bytes, bytes]

#: What a person has to replace in a block that is shown instead of written.
PLACEHOLDER = "YOUR_CLIENT_SECRET"


@reports_errors
def missing(config_path: ConfigPath) -> tuple[str, ...]:
    """Which of ``client_id`` and ``client_secret`` are missing or empty: a person can be asked.

    :raises ConfigError: the config cannot be read, or has a key that was meant to be one of ours: a
        second one would hide the mistake.
    """
    parsed = document.parse(storage.read(storage.resolve(config_path)))
    document.refuse_misspelt_keys(parsed)
    trakt = parsed.trakt or {}
    return tuple(key for key in ("client_id", "client_secret")
                 if key not in trakt or trakt[key].blank)


@reports_errors
def refuse_unfillable(config_path: ConfigPath) -> None:
    """Before a person is asked: see whether what they type can be written, whatever that is.

    :raises ConfigError: it cannot.
    """
    if os.path.lexists(config_path):
        document.refuse_unfillable(document.parse(storage.read(storage.resolve(config_path))))


@reports_errors
def foreign_key(config_path: ConfigPath) -> str:
    """A key that shows a file without a ``trakt`` block to be another program's; else empty."""
    data = storage.read(storage.resolve(config_path))
    found = _FOREIGN_KEY.search(data)
    return found[1].decode("ascii") if found and not document.parse(data).has_trakt else ""


@reports_errors
def commented_out(config_path: ConfigPath) -> str:
    """A comment that was the trakt block or its client_id, with its place; else empty."""
    found = document.commented_out(document.parse(storage.read(storage.resolve(config_path))))
    return f"{name_of(config_path)}:{found.line}:{found.column}: {found.message}" if found else ""


@reports_errors
def loopback_uri(config_path: ConfigPath) -> str:
    """The redirect_uri of a sign-in in the browser: the config's own, or the one that is written.

    :raises ConfigError: the config's own is no address of this machine.
    """
    if not os.path.lexists(config_path):
        return LOOPBACK_URI
    parsed = document.parse(storage.read(storage.resolve(config_path)))
    value = (parsed.trakt or {}).get("redirect_uri")
    if value is None or value.blank:
        return LOOPBACK_URI
    if loopback.address_of(value.text) is None and "<<" not in value.text:
        raise needs_loopback_uri(parsed)
    return value.text


def needs_loopback_uri(parsed: document.Document) -> ConfigError:
    """The error for a config whose redirect_uri is no address of this machine."""
    value = (parsed.trakt or {}).get("redirect_uri")
    if value and value.text.startswith("https:") \
            and loopback.address_of(value.text.replace("https", "http", 1)):
        return ConfigError("a sign-in in the browser needs a redirect_uri with http, not https: "
                           "nothing leaves this machine",
                           hint=f"In line {value.line}, write http in place of https, and give the "
                                f"app the same one ({APPS_PAGE}); or sign in with a code instead.",
                           line=value.line, column=value.column)
    what = f"In line {value.line}, change it to `redirect_uri: {LOOPBACK_URI}`" if value \
        else f"Add this line to the trakt block: `redirect_uri: {LOOPBACK_URI}`"
    return ConfigError("a sign-in in the browser needs a redirect_uri on this machine, with a port",
                       hint=f"{what}, and give the app the same one ({APPS_PAGE}); or sign in "
                            "with a code instead.",
                       line=value.line if value else parsed.trakt_line,
                       column=value.column if value else parsed.trakt_column)


@dataclass(frozen=True)
class NewClient:
    """What a person has typed; what is empty was not asked for, or the app has none."""

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    redirect_uri: str = ""

    def __bool__(self) -> bool:
        return bool(self.client_id or self.client_secret)


@contextmanager
def registered(config_path: ConfigPath, client: NewClient,
               options: Options) -> Iterator[None]:
    """Write the client, and take it out again where Trakt refuses it in the ``with`` block: the
    bytes are what they were then, and a file that was made for it is gone.

    :raises CannotRegister: with nothing written, where it needs more than these values changed.
    """
    made = None if os.path.lexists(config_path) else storage.create(config_path)
    is_new = made is not None
    run = Run.on(config_path, options)
    if made is not None and not os.path.samestat(made, os.stat(run.path)):
        raise ConfigError("the config that was made is another file by now",
                          hint="Somebody else works in its folder. Run this again.")
    written: Edit | None = None
    try:
        with _held(run) as (held, reserved):
            written = save.as_it_is_now(lambda: _fill(held, client, reserved=reserved))
        yield
    except ClientRejected:
        if written is not None:
            _take_out(run, written, is_new=is_new)
        raise
    finally:
        if written is None and is_new:
            _remove(run)


def rehearse(config_path: ConfigPath, client: NewClient) -> None:
    """See whether the client can be written, before anybody is asked for anything.

    :raises CannotRegister: it needs more than these values changed.
    :raises ConfigError: the config cannot be read.
    """
    data = storage.read(storage.resolve(config_path)) if os.path.lexists(config_path) else b""
    _edited(document.parse(data), client)


def block(client_id: str, *, has_secret: bool, redirect_uri: str = "") -> str:
    """The lines to paste into a config that cannot be edited; the secret is left to the person."""
    secret = PLACEHOLDER if has_secret else ""
    return document.fill_client(document.parse(b""), client_id, secret,
                                redirect_uri=redirect_uri).data.decode("utf-8")


class CannotRegister(Exception):
    """The edit would change something else.

    :ivar problem: what that is, and where.
    """

    def __init__(self, problem: ConfigError) -> None:
        super().__init__()
        self.problem = problem


@contextmanager
def _held(run: Run) -> Iterator[tuple[storage.Held, bool]]:
    """The config under its lock, and whether a journal that is left over has its room reserved."""
    with run.hold() as held:
        if held.second:
            recovery.refuse_newer(held.second.recover())
        found = held.recover()
        recovery.refuse_newer(found)
        yield held, found is not None


def _fill(held: storage.Held, client: NewClient, *, reserved: bool) -> Edit:
    before = document.parse(storage.read(held.path))
    edited = _edited(before, client)
    _replace(held, before.data, edited.data, reserved=reserved)
    return before.data, edited.data


def _edited(before: document.Document, client: NewClient) -> document.Document:
    try:
        return document.fill_client(before, client.client_id, client.client_secret,
                                    redirect_uri=client.redirect_uri, complete=True)
    except ConfigError as error:
        raise CannotRegister(error) from None


def _take_out(run: Run, written: Edit, *, is_new: bool) -> None:
    """Undo the edit, unless somebody has changed the config since."""
    before, after = written
    problem = "it was changed meanwhile"
    try:
        with _held(run) as (held, reserved):
            if storage.read(held.path) == after:
                _replace(held, after, before, reserved=reserved)
                problem = ""
    except (TraktConfigError, storage.Changed) as error:
        problem = getattr(error, "message", problem)
    except OSError as error:
        pass_on_hosts(error)
        problem = os_reason(error)
    if problem:
        run.warn(f"what Trakt refused is still in it: {problem}")
    elif is_new:
        _remove(run)


def _remove(run: Run) -> None:
    """Remove the file that was made, if nobody has put anything into it."""
    with suppress_systems(OSError):
        storage.remove_if_empty(run.path)


def _replace(held: storage.Held, before: bytes, after: bytes, *, reserved: bool) -> None:
    if not reserved:
        held.reserve(Intent().encode(), max(len(before), len(after)))
    held.replace(before, after)
