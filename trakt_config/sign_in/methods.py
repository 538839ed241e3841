"""Sign in with a person: by device code, in a browser on this machine, or with a pin."""
from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Callable, Literal

from trakt_config.authorization import redeem, refresh
from trakt_config.authorization.run import ConfigPath, Options, Run, reports_errors
from trakt_config.oauth import DeviceCode
from trakt_config.sign_in import authorization_code, device_code
from trakt_config.sign_in.browser import open_browser
from trakt_config.sign_in.sign_in import Dialog, SignIn
from trakt_config.tokens import Authorization

if TYPE_CHECKING:
    import requests

__all__ = ["DeviceCode", "Dialog", "METHODS", "login", "open_browser"]

METHODS: Mapping[str, Callable[[SignIn], Authorization]] = {
    "device": device_code.by_device_code,
    "browser": authorization_code.in_browser,
    "pin": authorization_code.with_pin,
}


@reports_errors
def login(config_path: ConfigPath, *,
          method: Literal["device", "browser", "pin"] = "device",
          dialog: Dialog = Dialog(),
          lock_timeout: timedelta = timedelta(minutes=2),
          session: requests.Session | None = None,
          clock: Callable[[], float] = time.time,
          monotonic: Callable[[], float] = time.monotonic,
          sleep: Callable[[float], None] = time.sleep,
          environ: Mapping[str, str] = os.environ) -> Authorization:
    """Let a person sign in, and save the authorization in the config, over the one that is there.

    That saving works is proved before the person is asked for anything. A pin in the config is
    cleared in the same write. Never prints, never prompts: that is the dialog's.

    :param config_path: a YAML file whose ``trakt`` mapping has a ``client_id``.
    :param method: ``"device"``: a code to enter on any device (RFC 8628); what Trakt recommends.
        ``"browser"``: a browser on this machine; the config's ``redirect_uri`` has to be an http
        address of this machine with a port (RFC 8252, section 7.3). ``"pin"``: a browser anywhere,
        from which the person brings the pin. The last two with PKCE (RFC 7636) and a state.
    :param lock_timeout: how long to wait, each time, for other runs on the same config.
    :param session: send with this session of requests (its proxies, its certificates).
    :param clock: seconds since 1970.
    :param monotonic: seconds, by a clock that nobody sets.
    :param environ: Kometa's placeholders, the endpoints and the state directory are read there.
    :raises LoginRequired: nobody signed in: see its ``reason``.
    :raises ConfigError, ClientRejected, AccountProblem, TraktUnavailable, LockTimeout, SaveError:
        as :func:`trakt_config.authorize`.
    """
    options = Options(lock_timeout=lock_timeout, session=session, clock=clock, environ=environ,
                      sleep=sleep)
    sign_in = SignIn(Run.on(config_path, options), dialog, monotonic)
    try:
        authorization = METHODS[method](sign_in)
        if method != "browser" and dialog.show_account is not None:
            sign_in.account_of(authorization)
        return authorization
    except redeem.TokensReplaced:
        pass
    return refresh.adopt(sign_in.run).authorization
