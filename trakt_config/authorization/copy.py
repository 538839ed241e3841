"""Give other configs the access token of the one that holds the refresh token.

A refresh token that stands in two places is spent by one and dead in the other. So one config, the
holder, has it, and its copies get the five other values and an empty ``refresh_token``, by the same
edit, lock and replacement as every config.

Both files are locked while one is written, always in the order of their paths, so that runs with
crossing holders and copies cannot wait for each other for ever; and what is copied is what the
holder has under its lock, so that the last writer always brings the newest.
"""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta

from trakt_config import document, storage
from trakt_config.authorization import left_over, plan, recovery, save
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.plan import Plan
from trakt_config.authorization.run import (
    LOCK_TIMEOUT,
    ConfigPath,
    Options,
    Run,
    Snapshot,
    environment,
    name_of,
    reports_errors,
    text_of,
)
from trakt_config.document import Document
from trakt_config.errors import (
    SIGN_IN,
    ConfigError,
    LockTimeout,
    LoginRequired,
    SaveError,
    TraktConfigError,
    os_reason,
    pass_on_hosts,
)
from trakt_config.storage import JournalContent
from trakt_config.tokens import fingerprint

#: Digests of refresh tokens.
Tokens = frozenset[str]


def copy_authorization(holder: ConfigPath, other: ConfigPath, *,
                       lock_timeout: timedelta = LOCK_TIMEOUT,
                       environ: Mapping[str, str] | None = None) -> bool:
    """Give `other` the access token that `holder` has, with an empty ``refresh_token``.

    Call it after :func:`trakt_config.authorize` of the holder; it sends no request. Nothing but the
    six values of `other` changes, and a copy that has them already is not written. A copied file
    with the holder's own refresh token becomes a copy; call it before that `authorize` as well
    where there may be one, since a token that the holder has replaced cannot be told from another.

    :param holder: the config that is signed in.
    :param other: a config with a ``trakt`` block that has the same ``client_id`` or none.
    :param lock_timeout: how long to wait for other runs, for each of the two.
    :param environ: as for :func:`trakt_config.authorize`.
    :returns: whether `other` was written.
    :raises ConfigError: one of the two has to be edited: see its ``path``. `other` has no ``trakt``
        block, a key that was meant to be one of ours, another ``client_id``, or a refresh token of
        its own.
    :raises LoginRequired: the holder has no access token.
    :raises LockTimeout: another run did not finish in time.
    :raises SaveError: `other` cannot be written, or an earlier run on it was cut short.
    """
    options = Options(lock_timeout=lock_timeout, environ=environment(environ))
    return copy_to(other, holder, options)


@reports_errors
def copy_to(other: ConfigPath, holder: ConfigPath, options: Options,
            known: Tokens = frozenset()) -> bool:
    """:func:`copy_authorization`, with the options of a run on the holder.

    :param known: what :func:`own_tokens` said before that run.
    """
    source, target = _runs(holder, other, options)
    return _copy(source, target, known)


@reports_errors
def disarm_twin(other: ConfigPath, holder: ConfigPath, options: Options) -> bool:
    """Before the holder's refresh token is spent: empty it in a config that has the very same one.

    Afterwards the two could no longer be told from configs that are signed in each for itself.

    :returns: whether `other` was such a config.
    :raises TraktConfigError: as :func:`copy_authorization`.
    """
    source, target = _runs(holder, other, options)
    token = _refresh_token_in(target)
    own = _tokens_of(source)
    return token in own and _copy(source, target, own, only_disarm=True)


@reports_errors
def own_tokens(holder: ConfigPath, options: Options) -> Tokens:
    """The refresh tokens that are the holder's: the one in it, and one that a run which was cut
    short may have spent.

    :raises ConfigError: there is no such file.
    """
    return _tokens_of(Run.on(holder, options))


@reports_errors
def plan_copy(other: ConfigPath, holder: ConfigPath, options: Options, *,
              holder_stays: bool) -> Plan:
    """What :func:`copy_to` would do. Nothing is locked or written.

    :param holder_stays: whether the holder's tokens are those that it has now.
    :raises ConfigError: see :func:`copy_authorization`.
    """
    source, target = _runs(holder, other, options)
    with _named(source.name):
        snapshot = source.read()
    now = document.parse(storage.read(target.path))
    _check(now, snapshot, options, _tokens_of(source))
    edited = _edited(now, snapshot) if holder_stays else document.set_authorization(
        now, {**plan.stand_in(), "refresh_token": None})
    if edited is now:
        return Plan(f"has the authorization of {name_of(holder)}", "", "", "", leaves_tokens=True)
    size = max(len(now.data), len(edited.data))
    obstacle = storage.obstacle(target.path, options.environ) \
        or storage.lack_of_room(target.path, options.environ, size)
    said = ""
    if storage.journal_exists(target.path, options.environ) \
            and not left_over.remembers_only(storage.peek_journal(target.path, options.environ)):
        said = left_over.LEFT_OVER
    return Plan(f"would get the access token of {name_of(holder)}",
                document.masked_diff(now, edited, values_known=holder_stays), said,
                obstacle.message if obstacle else "", leaves_tokens=False)


def _runs(holder: ConfigPath, other: ConfigPath, options: Options) -> tuple[Run, Run]:
    """The runs on the two, which have to be two files."""
    with _named(text_of(holder)):
        source = Run.on(holder, options)
    target = Run.on(other, options)
    # By another name, a hard link or a mount: its only refresh token would be emptied.
    if os.path.samefile(source.path, target.path):
        raise ConfigError("it is the holder itself", hint="Name another file to copy to.")
    return source, target


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Errors in here are about this one of the two configs."""
    try:
        yield
    except TraktConfigError as error:
        if error.path is None:
            error.path = name
        raise


def _tokens_of(source: Run) -> Tokens:
    """:func:`own_tokens`. Half a token in a file that is half written is nobody's."""
    found = _tokens_of_journals([storage.peek_journal(source.path, source.options.environ)])
    with suppress(ConfigError):
        token = _refresh_token_in(source)
        if token:
            found |= {token}
    return found


def _refresh_token_in(run: Run) -> str | None:
    return fingerprint(document.parse(storage.read(run.path)).token("refresh_token"))


def _tokens_of_journals(left: Iterable[JournalContent | None]) -> Tokens:
    intents = map(Intent.decode, left)
    return frozenset(intent.refresh_token for intent in intents if intent and intent.refresh_token)


def _copy(source: Run, target: Run, known: Tokens, *, only_disarm: bool = False) -> bool:
    """Write what is missing in the copy; whether something was.

    :param known: digests of refresh tokens that are the holder's, beside those found here.
    :param only_disarm: what counts is that the copy has no refresh token; the holder need not have
        an access token.
    """
    known |= _tokens_of(source)
    broken: TraktConfigError | None = None
    try:
        if _has_all(source, target, known):
            return False
    except (ConfigError, LoginRequired) as error:
        broken = error  # One may be half written: what counts is read under the locks.
    with ExitStack() as locks:
        try:
            held = _hold_both(locks, source, target)
        except (SaveError, LockTimeout) as error:
            raise broken or error from None
        return _locked(source, target, held, known, only_disarm)


def _has_all(source: Run, target: Run, known: Tokens) -> bool:
    """Whether there is nothing to write, as far as is seen without a lock."""
    with _named(source.name):
        snapshot = source.read()
        _refuse_without_access_token(snapshot)
    now = document.parse(storage.read(target.path))
    _check(now, snapshot, target.options, known)
    return _edited(now, snapshot) is now \
        and not storage.journal_exists(target.path, target.options.environ)


def _hold_both(locks: ExitStack, source: Run, target: Run) -> dict[str, storage.Held]:
    """Both locks by path, taken in the order of the paths."""
    held = {}
    for run in sorted((source, target), key=lambda run: run.path):
        with _named(run.name):
            held[run.path] = locks.enter_context(run.hold())
    return held


def _locked(source: Run, target: Run, held: Mapping[str, storage.Held], known: Tokens,
            only_disarm: bool) -> bool:
    """Nobody else is at work on either: finish what was left, look again, write."""
    with _named(source.name):
        ours = held[source.path]
        known |= _tokens_of_journals([journal.recover() for journal in _journals(ours)])
        snapshot, _ = recovery.recovered_snapshot(source, ours, None)
        if not only_disarm:
            _refuse_without_access_token(snapshot)
    return _write(target, held[target.path], snapshot, known)


def _journals(held: storage.Held) -> list[storage.Held]:
    """The config with each of its journals, the older first."""
    return [held.second, held] if held.second else [held]


def _refuse_without_access_token(holder: Snapshot) -> None:
    if holder.settings.authorization is None:
        raise LoginRequired("the config has no access token to copy", hint=SIGN_IN)


def _write(target: Run, held: storage.Held, holder: Snapshot, known: Tokens) -> bool:
    """Finish an overwrite that was cut short, and edit the copy as it is by then.

    :raises SaveError: an answer of Trakt's waits in its journal, which is not ours to drop.
    """
    for journal in _journals(held):
        found = journal.recover()
        recovery.refuse_newer(found)
        recovery.refuse_to_lose(journal, found, "an earlier run on it was cut short", half=True)

    def edit() -> bool:
        now = document.parse(storage.read(held.path))
        _check(now, holder, target.options, known)
        edited = _edited(now, holder)
        if edited is now:
            return False
        held.reserve(Intent().encode(), max(len(now.data), len(edited.data)), with_answer=False)
        held.replace(now.data, edited.data)
        return True

    try:
        written = save.as_it_is_now(edit)
        for journal in _journals(held):
            journal.discard_journal()
        return written
    except OSError as error:
        pass_on_hosts(error)
        raise SaveError(f"the copy could not be written: {os_reason(error)}",
                        hint="The holder is signed in. Fix this and run again.") from None


def _check(now: Document, holder: Snapshot, options: Options, known: Tokens) -> None:
    """Refuse what must not become a copy."""
    document.refuse_misspelt_keys(now, copied=True)
    if now.trakt is None:
        what, hint = ("the trakt block is empty", "Add a line `  authorization:` below it.") \
            if now.has_trakt else ("there is no trakt block to copy the authorization into",
                                   "Add a line `trakt:`, and below it `  authorization:`.")
        raise ConfigError(what, hint=hint,
                          line=now.trakt_line, column=now.trakt_column)
    client_id = now.trakt.get("client_id")
    if client_id is not None and not client_id.blank \
            and document.client_id(now, options.environ) != holder.settings.client.client_id:
        raise ConfigError("trakt.client_id is another app's than the holder's",
                          hint="Use the holder's client_id here, or sign in by itself.",
                          line=client_id.line, column=client_id.column)
    token = now.token("refresh_token")
    # One that has no refresh token is no holder, whatever it had: this may be the last one.
    is_own = holder.settings.refresh_token is not None and (
        token == holder.settings.refresh_token or fingerprint(token) in known)
    if token is not None and not is_own:
        value = now.authorization["refresh_token"]
        raise ConfigError("trakt.authorization.refresh_token is another one than the holder's, and "
                          "a copy has none",
                          hint=f"Is it spent, or not needed? Then empty refresh_token in line "
                               f"{value.line}, and copy again. Else this file is signed in by "
                               "itself, and needs no copy.",
                          line=value.line, column=value.column)


def _edited(now: Document, holder: Snapshot) -> Document:
    """The copy with the holder's five values; the very document where it has them already."""
    authorization = holder.settings.authorization
    values = authorization.values() if authorization else {}
    return document.set_authorization(now, {**values, "refresh_token": None})
