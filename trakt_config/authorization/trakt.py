"""Trakt, as a run talks to it: for the app in the config, with the caller's session and clocks."""
from __future__ import annotations

from typing import Callable, TypeVar

from trakt_config import oauth
from trakt_config.authorization import shield
from trakt_config.authorization.run import Options, Run, Snapshot
from trakt_config.errors import TraktConfigError
from trakt_config.tokens import Secret

T = TypeVar("T")


def client_for(options: Options, snapshot: Snapshot) -> oauth.TraktClient:
    """The client for the app in the config.

    :raises ConfigError: an address in the environment cannot be Trakt's.
    """
    return oauth.TraktClient(
        snapshot.settings.client, oauth.Endpoints.from_environ(options.environ),
        session=options.session, clock=options.now, sleep=options.pause,
        secrets=secrets_in(snapshot))


def secrets_in(snapshot: Snapshot) -> list[Secret]:
    """Every secret in the config, whether a request sends it or not."""
    settings = snapshot.settings
    found = (settings.client.client_secret, settings.pin, settings.refresh_token,
             snapshot.access_token)
    return [secret for secret in found if secret]


def ask_shielded(run: Run, work: Callable[[], T], so_that: str,
                 told: type[TraktConfigError]) -> T:
    """The result of work that asks Trakt, and that no interruption cuts short.

    :param so_that: why an interruption has to wait for it.
    :param told: what is told where an interruption is raised instead, since nobody would hear of
        it.
    """
    def tell(error: BaseException) -> None:
        if isinstance(error, told):
            error.path = run.name
            run.warn(f"{error.message}. {error.hint}")

    return shield.run(work, lambda: run.warn("waiting for Trakt's answer, at most "
                                             f"{oauth.BUDGET:.0f} s, so that {so_that}"), tell)
