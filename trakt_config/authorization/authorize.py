"""The way in: a config whose authorization is fresh costs one read, and nothing is opened to write.

Everything else is :mod:`trakt_config.authorization.policy`'s, which is imported only then.
"""
from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Callable

from trakt_config import storage
from trakt_config.authorization import shield  # noqa: F401  At once: it registers what waits at exit.
from trakt_config.authorization.run import (
    LOCK_TIMEOUT,
    MIN_VALIDITY,
    ConfigPath,
    Options,
    Outcome,
    Result,
    Run,
    Snapshot,
    environment,
    reports_errors,
)
from trakt_config.errors import ConfigError, LoginRequired
from trakt_config.startup import LazyModule
from trakt_config.tokens import Authorization

if TYPE_CHECKING:
    import requests
else:
    requests = LazyModule("requests")


def authorize(config_path: ConfigPath, *,
              min_validity: timedelta = MIN_VALIDITY,
              force: bool = False,
              lock_timeout: timedelta = LOCK_TIMEOUT,
              session: requests.Session | None = None,
              clock: Callable[[], float] = time.time,
              environ: Mapping[str, str] | None = None) -> Authorization:
    """Make sure that the config's Trakt authorization is valid, and return it.

    A pin in the config is exchanged, an authorization that is due is refreshed, and the result is
    written back into the config before it is returned; nothing else in the file changes. One that
    is fresh costs no request and no write. Safe from many threads and processes at once: one of
    them sends the request, and all return the tokens that it got. Never prompts, never prints.

    A program that saves the file itself loads it after this, and again before each save: an old
    copy that is written back brings a refresh token that has been spent.

    :param config_path: a YAML file with a ``trakt`` mapping.
    :param min_validity: how long the access token has to be valid from now on.
    :param force: refresh although it is fresh.
    :param lock_timeout: how long to wait, in all, for other runs on the same config;
        ``timedelta.max`` for as long as it takes.
    :param session: send with this session of requests (its proxies, its certificates, and whether
        it verifies those). To this machine (localhost, 127.0.0.0/8, ::1) no proxy is used, not even
        the session's. With ``http.client``'s debuglevel set, its connections print what they
        send; ours do not.
    :param clock: seconds since 1970.
    :param environ: Kometa's placeholders, the endpoints and the state directory are read there;
        None for the environment of this process.
    :raises TypeError, ValueError: a time span is not a timedelta, is negative, or is longer than
        any token lives.
    :raises ConfigError: the file or a setting has to be edited.
    :raises LoginRequired: a person has to sign in.
    :raises ClientRejected: Trakt refuses the app.
    :raises AccountProblem: Trakt has locked or deactivated the account.
    :raises TraktUnavailable: Trakt cannot be reached or fails.
    :raises LockTimeout: another run did not finish in time.
    :raises SaveError: the config cannot be written.
    """
    options = Options(min_validity, force, lock_timeout, session, clock, environment(environ))
    return ensure_authorized(config_path, options).authorization


@reports_errors
def ensure_authorized(config_path: ConfigPath, options: Options) -> Result:
    """:func:`authorize`, with the outcome."""
    run = Run.on(config_path, options)
    first: Snapshot | None = None
    broken: ConfigError | None = None
    try:
        first = run.read()
    except ConfigError as error:
        broken = error  # It may be half written: what counts is read under the lock.
    if first:
        run.warn_of_settings(first)
    if first and first.is_fresh and _is_whole(run, first):
        run.explain("the access token is good: there is nothing to ask Trakt for")
        return run.result(Outcome.FRESH, first)
    # Not at the top: a fresh run needs nothing of HTTP.
    from trakt_config.authorization import advice, policy
    try:
        return policy.renew(run, first, broken)
    except LoginRequired as error:
        if first is not None:
            advice.correct_first(error, first)
        raise


def _is_whole(run: Run, snapshot: Snapshot) -> bool:
    """Whether what was read without a lock cannot be half of an overwrite in place.

    While there is one there is a journal; and what was read in the midst of one that has ended
    since, with its journal gone, is not there any more.
    """
    if storage.journal_exists(run.path, run.options.environ):
        return False
    try:
        return storage.read(run.path) == snapshot.document.data
    except ConfigError:
        return False
