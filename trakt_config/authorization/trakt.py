"""Trakt, as a run talks to it: for the app in the config, with the caller's session and clocks."""
from __future__ import annotations

from trakt_config import oauth
from trakt_config.authorization.run import Options, Snapshot
from trakt_config.tokens import Secret


def client_for(options: Options, snapshot: Snapshot) -> oauth.TraktClient:
    """The client for the app in the config.

    :raises ConfigError: an address in the environment cannot be Trakt's.
    """
    return oauth.TraktClient(
        snapshot.settings.client, oauth.Endpoints.from_environ(options.environ),
        session=options.session, clock=options.clock, sleep=options.sleep,
        secrets=secrets_in(snapshot))


def secrets_in(snapshot: Snapshot) -> list[Secret]:
    """Every secret in the config, whether a request sends it or not."""
    settings = snapshot.settings
    found = (settings.client.client_secret, settings.pin, settings.refresh_token,
             snapshot.access_token)
    return [secret for secret in found if secret]
