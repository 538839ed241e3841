"""Trakt, as one app talks to it: everything that can be asked, as methods of one object."""
from __future__ import annotations

from urllib.parse import urlencode

from trakt_config.oauth import account, device, token
from trakt_config.oauth.requester import Requester


class TraktClient(Requester):
    """Trakt, for one run with one app. Each method is in the module that knows its subject.

    Each raises ClientRejected when Trakt refuses the app, AccountProblem when it has
    locked or deactivated the account, TraktUnavailable when it cannot be reached or fails, and
    ConfigError when the client_id cannot be sent in a header (nothing was sent then).
    """

    exchange = token.exchange
    device_code = device.device_code
    poll = device.poll
    revoke = account.revoke
    user_settings = account.user_settings

    def authorize_url(self, *, state: str, code_challenge: str) -> str:
        """The address where a person signs in (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
        query = {"response_type": "code", "client_id": self.app.client_id,
                 "redirect_uri": self.app.redirect_uri, "state": state,
                 "code_challenge": code_challenge, "code_challenge_method": "S256"}
        return f"{self.endpoints.oauth}/oauth/authorize?{urlencode(query)}"
