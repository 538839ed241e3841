"""Give other configs the access token of the one that holds the refresh token.

A refresh token that stands in two places is spent by one and dead in the other. So one config, the
holder, has it, and its copies get the five other values and an empty ``refresh_token``, by the same
edit, lock and replacement as every config.

Both files are locked while one is written, always in the order of their paths, so that runs with
crossing holders and copies cannot wait for each other for ever; and what is copied is what the
holder has under its lock, so that the last writer always brings the newest.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from trakt_config import document, storage
from trakt_config.authorization import recovery, refresh, save
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.recovery import RecoveryResult
from trakt_config.authorization.run import (
    ConfigPath,
    Options,
    Run,
    Snapshot,
    environment,
    reports_errors,
)
from trakt_config.document import Document
from trakt_config.errors import SIGN_IN, ConfigError, LoginRequired, SaveError, os_reason
from trakt_config.tokens import Secret


def copy_authorization(holder: ConfigPath, other: ConfigPath, *,
                       lock_timeout: timedelta = timedelta(minutes=2),
                       environ: Mapping[str, str] | None = None) -> bool:
    """Give `other` the access token that `holder` has, with an empty ``refresh_token``.

    Call it after :func:`trakt_config.authorize` of the holder; it sends no request. Nothing but the
    six values of `other` changes, and a copy that has them already is not written. A copied file
    with the holder's own refresh token becomes a copy.

    :param holder: the config that is signed in.
    :param other: a config with a ``trakt`` block that has the same ``client_id`` or none.
    :param lock_timeout: how long to wait for other runs, for each of the two.
    :param environ: as for :func:`trakt_config.authorize`.
    :returns: whether `other` was written.
    :raises ConfigError: one of the two has to be edited: see its ``path``. `other` has no ``trakt``
        block, another ``client_id``, or a refresh token of its own.
    :raises LoginRequired: the holder has no access token.
    :raises LockTimeout: another run did not finish in time.
    :raises SaveError: `other` cannot be written, or an earlier run on it was cut short.
    """
    options = Options(lock_timeout=lock_timeout, environ=environment(environ))
    return copy_to(other, holder, options)


def copy_to(other: ConfigPath, holder: ConfigPath, options: Options) -> bool:
    """:func:`copy_authorization`, with the options of a run on the holder."""
    return _copy(other, holder, options, _signed_in(holder, options))


def disarm_twin(other: ConfigPath, holder: ConfigPath, options: Options) -> bool:
    """Before the holder's refresh token is spent: empty it in a config that has the very same one.

    Afterwards the two could no longer be told from configs that are signed in each for itself.

    :raises TraktConfigError: as :func:`copy_authorization`.
    """
    snapshot = _snapshot(holder, options)
    token = snapshot.settings.refresh_token
    if token is None or _refresh_token(_parsed(other, options)) != token:
        return False
    return _copy(other, holder, options, snapshot)


@reports_errors
def _signed_in(holder: ConfigPath, options: Options) -> Snapshot:
    snapshot = Run.on(holder, options).read()
    if snapshot.settings.authorization is None:
        raise LoginRequired("the config holds no access token to copy", hint=SIGN_IN)
    return snapshot


@reports_errors
def _snapshot(holder: ConfigPath, options: Options) -> Snapshot:
    return Run.on(holder, options).read()


@reports_errors
def _parsed(other: ConfigPath, options: Options) -> Document:
    return document.parse(storage.read(Run.on(other, options).path))


@reports_errors
def _copy(other: ConfigPath, holder: ConfigPath, options: Options, known: Snapshot) -> bool:
    source, target = Run.on(holder, options), Run.on(other, options)
    if source.path == target.path:
        raise ConfigError("it is the holder itself", hint="Name another file behind --copy-to.")
    parsed = document.parse(storage.read(target.path))
    _check(parsed, known, options, {known.settings.refresh_token})
    if _edited(parsed, known) is parsed and not storage.exists(target.path, options.environ):
        return False
    with _both_held(source, target) as (held_source, held_target):
        before = source.read(held=held_source).settings.refresh_token
        snapshot, recovered = refresh.locked_snapshot(source, held_source, None)
        if recovered is RecoveryResult.NEWER:
            raise refresh.newer_journal()
        _finish(target, held_target)
        tokens = {before, known.settings.refresh_token, snapshot.settings.refresh_token}
        return _write(target, held_target, snapshot, tokens)


@contextmanager
def _both_held(source: Run, target: Run) -> Iterator[tuple[storage.Held, storage.Held]]:
    """Both locks, taken in the order of the paths."""
    with ExitStack() as stack:
        held = {run.path: stack.enter_context(run.hold())
                for run in sorted((source, target), key=lambda run: run.path)}
        yield held[source.path], held[target.path]


def _finish(target: Run, held: storage.Held) -> None:
    """Finish an overwrite that was cut short; an answer of Trakt's is not ours to drop.

    :raises SaveError: there is one.
    """
    if held.second:
        _finish(target, held.second)
    found = held.unfinished()
    if found is None:
        return
    if found.newer:
        raise refresh.newer_journal()
    recovery.refuse_to_lose(held, found, "an earlier run on it was cut short")
    held.discard_journal()


def _write(target: Run, held: storage.Held, snapshot: Snapshot,
           tokens: set[Secret | None]) -> bool:
    """Edit the copy as it is by now.

    :param tokens: the refresh tokens that are the holder's own.
    """
    written = False

    def edit() -> None:
        nonlocal written
        now = document.parse(held.read())
        _check(now, snapshot, target.options, tokens)
        edited = _edited(now, snapshot)
        if edited is now:
            return
        held.reserve(Intent().encode(), max(len(now.data), len(edited.data)))
        held.replace(now.data, edited.data)
        written = True

    try:
        save.as_it_is_now(edit)
        held.discard_journal()
        return written
    except OSError as error:
        raise SaveError(f"the copy could not be written: {os_reason(error)}",
                        hint="The holder is signed in. Fix this and run again.") from None


def _check(parsed: Document, holder: Snapshot, options: Options,
           tokens: set[Secret | None]) -> None:
    """Refuse what must not become a copy.

    :raises ConfigError: see :func:`copy_authorization`.
    """
    if parsed.trakt is None:
        raise ConfigError("there is no trakt block to copy the authorization into",
                          hint="Add a line `trakt:`, and below it `  authorization:`.",
                          line=parsed.trakt_line, column=parsed.trakt_column)
    client_id = parsed.trakt.get("client_id")
    if client_id is not None and not client_id.blank:
        theirs = document.read_settings(parsed, options.environ).client.client_id
        if theirs != holder.settings.client.client_id:
            raise ConfigError("trakt.client_id is another app's than the holder's",
                              hint="Use the holder's client_id here, or sign in by itself.",
                              line=client_id.line, column=client_id.column)
    token = _refresh_token(parsed)
    if token is not None and token not in tokens:
        value = parsed.authorization["refresh_token"]
        raise ConfigError("trakt.authorization.refresh_token is not the holder's: this file is "
                          "signed in by itself",
                          hint="Leave it out of --copy-to, or empty the refresh_token first.",
                          line=value.line, column=value.column)


def _refresh_token(parsed: Document) -> Secret | None:
    value = parsed.authorization.get("refresh_token")
    return None if value is None or value.blank or not value.scalar else Secret(value.text)


def _edited(parsed: Document, holder: Snapshot) -> Document:
    """The copy with the holder's five values; the very document where it has them already."""
    authorization = holder.settings.authorization
    values = authorization.values() if authorization else {}
    return document.set_authorization(parsed, {**values, "refresh_token": None})
