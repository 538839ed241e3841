"""Trakt, as one app talks to it: everything that can be asked, as methods of one object."""
from __future__ import annotations

from typing import Callable
from urllib.parse import urlencode

from trakt_config.oauth import account, device, limits, token
from trakt_config.oauth.account import UserSettings
from trakt_config.oauth.device import DeviceCode, DevicePoll
from trakt_config.oauth.requester import Requester
from trakt_config.oauth.token import AuthorizationCode, RefreshToken
from trakt_config.tokens import Authorization, Secret


class TraktClient(Requester):
    """Trakt, for one run with one app.

    Each method raises ClientRejected when Trakt refuses the app, AccountProblem when it has
    locked or deactivated the account, TraktUnavailable when it cannot be reached or fails, and
    ConfigError when the client_id cannot be sent in a header (nothing was sent then).
    """

    def exchange(self, grant: AuthorizationCode | RefreshToken, *,
                 record: Callable[[bytes], None], retry_unknown: bool,
                 budget: float | None = None) -> Authorization:
        """Exchange a code or a refresh token for tokens (RFC 6749, sections 4.1.3, 5 and 6).

        At most two requests reach Trakt. What certainly was not sent is tried up to three times.

        :param record: gets the body, at most 256 KiB, of every 2xx answer before any of it is
            parsed: with two answers it is called twice, and the last is the one that counts.
        :param retry_unknown: whether a refresh whose outcome is unknown is sent once more. A code
            never is.
        :param budget: seconds for all tries and waits together (90). Resolving a name, and
            connecting (5 s an address), can exceed it; with a session whose class or adapter is
            a caller's own so can a dripping head.
        :raises LoginRequired: ``pin_refused``, ``refresh_token_refused``, or ``answer_lost``.
        :raises TraktUnavailable: see its ``outcome_unknown`` and ``retry_after``.
        """
        return token.exchange(self, grant, record=record, retry_unknown=retry_unknown,
                              budget=limits.BUDGET if budget is None else budget)

    def authorize_url(self, *, state: str, code_challenge: str | None = None) -> str:
        """The address where a person signs in (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
        query = {"response_type": "code", "client_id": self.app.client_id,
                 "redirect_uri": self.app.redirect_uri, "state": state}
        if code_challenge is not None:
            query.update(code_challenge=code_challenge, code_challenge_method="S256")
        return f"{self.endpoints.oauth}/oauth/authorize?{urlencode(query)}"

    def device_code(self) -> DeviceCode:
        """Begin a sign-in with a device code (RFC 8628, section 3.1)."""
        return device.device_code(self)

    def poll(self, code: DeviceCode, *,
             record: Callable[[bytes], None]) -> Authorization | DevicePoll:
        """Ask once whether the user has said yes (RFC 8628, sections 3.4 and 3.5, Trakt's
        statuses). After TraktUnavailable it is worth asking again until the code expires.

        :param record: as for `exchange`.
        """
        return device.poll(self, code, record)

    def revoke(self, secret: Secret, *, budget: float | None = None) -> None:
        """Revoke a token (RFC 7009). Trakt says yes for a token that it does not know, too.

        When it refuses, the user can remove the app at
        https://app.trakt.tv/settings/apps/connected instead.
        """
        account.revoke(self, secret, limits.BUDGET if budget is None else budget)

    def user_settings(self, access_token: Secret, *, budget: float | None = None) -> UserSettings:
        """Ask Trakt who the access token belongs to (``GET /users/settings``).

        :param budget: as for `exchange`.
        :raises LoginRequired: ``access_token_refused``.
        """
        return account.user_settings(self, access_token,
                                     limits.BUDGET if budget is None else budget)
