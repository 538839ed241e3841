"""Put the API app's client_id and client_secret into a config that has none (``login`` asks)."""
from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta

from trakt_config import document, storage
from trakt_config.authorization import redeem, refresh
from trakt_config.authorization.redeem import Intent
from trakt_config.authorization.run import ConfigPath, Options, Run, reports_errors
from trakt_config.errors import ConfigError

NEW_APP_PAGE = "https://app.trakt.tv/settings/apps/api/new"

#: What a person has to replace in a block that is shown instead of written.
PLACEHOLDER = "YOUR_CLIENT_SECRET"


@reports_errors
def missing(config_path: ConfigPath) -> tuple[str, ...]:
    """Which of ``client_id`` and ``client_secret`` are missing or empty: a person can be asked.

    :raises ConfigError: the config cannot be read.
    """
    trakt = document.parse(storage.read(storage.resolve(config_path))).trakt or {}
    return tuple(key for key in ("client_id", "client_secret")
                 if key not in trakt or trakt[key].blank)


@reports_errors
def register(config_path: ConfigPath, client_id: str, client_secret: str, *,
             lock_timeout: timedelta = timedelta(minutes=2),
             environ: Mapping[str, str] = os.environ) -> bool:
    """Fill in what is empty, or add the block; what the config has already stays.

    :returns: False, with nothing written, where that cannot be done without changing more.
    :raises ConfigError: the config cannot be read.
    :raises LockTimeout, SaveError: nothing was written.
    """
    run = Run.on(config_path, Options(lock_timeout=lock_timeout, environ=environ))
    with run.hold() as held:
        found = held.unfinished()
        if found is not None and found.newer:
            raise refresh.newer_journal()
        try:
            redeem.as_it_is_now(lambda: _fill(run, held, client_id, client_secret,
                                                reserved=found is not None))
            return True
        except _NotProved:
            return False


def block(client_id: str, *, has_secret: bool) -> str:
    """The lines to paste into a config that cannot be edited; the secret is left to the person."""
    secret = PLACEHOLDER if has_secret else ""
    return document.fill_client(document.parse(b""), client_id, secret).data.decode("utf-8")


class _NotProved(Exception):
    """The edit would change something else."""


def _fill(run: Run, held: storage.Held, client_id: str, client_secret: str, *,
          reserved: bool) -> None:
    before = document.parse(storage.read(run.path))
    edited = None
    try:
        edited = document.fill_client(before, client_id, client_secret)
    except ConfigError:
        pass
    if edited is None:
        raise _NotProved
    if not reserved:
        held.reserve(Intent().encode(), max(len(before.data), len(edited.data)))
    held.replace(before.data, edited.data)
