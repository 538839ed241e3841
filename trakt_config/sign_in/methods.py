"""Sign in with a person: by device code, in a browser on this machine, or with a pin."""
from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Callable, Literal

from trakt_config.authorization import callbacks, policy, save
from trakt_config.authorization.run import (
    LOCK_TIMEOUT,
    ConfigPath,
    Options,
    Run,
    environment,
    reports_errors,
)
from trakt_config.oauth import DeviceCode, Endpoints, TraktClient
from trakt_config.sign_in import authorization_code, browser, device_code
from trakt_config.sign_in.registration import NewClient, registered, rehearse
from trakt_config.sign_in.sign_in import Dialog, SignIn, guarded
from trakt_config.startup import LazyModule
from trakt_config.tokens import Authorization, Client, Secret

if TYPE_CHECKING:
    import requests
else:
    requests = LazyModule("requests")

Method = Literal["device", "browser", "pin"]

METHODS: Mapping[str, Callable[[SignIn], Authorization]] = {
    "device": device_code.by_device_code,
    "browser": authorization_code.in_browser,
    "pin": authorization_code.with_pin,
}


#: The callbacks that a person cannot do without, and what they are for.
_NEEDED: Mapping[str, Mapping[str, str]] = {
    "device": {"show_code": "which shows the person where to enter which code"},
    "browser": {},
    "pin": {"show_address": "which shows the person where to sign in",
            "ask_pin": "which returns the pin that the person brings"},
}


@reports_errors
def login(config_path: ConfigPath, *,
          method: Method = "device",
          dialog: Dialog = Dialog(),
          other_account: bool = False,
          lock_timeout: timedelta = LOCK_TIMEOUT,
          session: requests.Session | None = None,
          clock: Callable[[], float] = time.time,
          monotonic: Callable[[], float] = time.monotonic,
          sleep: Callable[[float], None] = time.sleep,
          environ: Mapping[str, str] | None = None) -> Authorization:
    """Let a person sign in, and save the authorization in the config, over the one that is there.

    That saving works is proved before the person is asked for anything. A pin in the config is
    cleared in the same write. Never prints, never prompts: that is the dialog's.

    It waits for the person, up to ten minutes (with a pin, as long as ``ask_pin`` takes):
    a program with an event loop calls it in a thread.
    An exception that the dialog's ``countdown`` (``"device"``, ``"browser"``) or ``ask_pin``
    (``"pin"``) raises ends it, and comes out as it is.

    :param config_path: a YAML file whose ``trakt`` mapping has a ``client_id``.
    :param method: ``"device"``: a code to enter on any device (RFC 8628); what Trakt recommends.
        ``"browser"``: a browser on this machine; the config's ``redirect_uri`` has to be an http
        address of this machine with a port (RFC 8252, section 7.3). ``"pin"``: a browser anywhere,
        from which the person brings the pin. The last two with PKCE (RFC 7636) and a state.
    :param dialog: how to talk to the person. ``"device"`` needs ``show_code``, ``"pin"`` needs
        ``show_address`` and ``ask_pin``, ``"browser"`` needs ``show_address`` where it may be that
        no browser can be opened: without it that is an error at once.
    :param other_account: let Trakt ask who is signing in, for an account other than the one that
        the browser is signed in to. Not for ``"device"``.
    :param lock_timeout: how long to wait, each time, for other runs on the same config.
    :param session: send with this session of requests (its proxies, its certificates).
    :param clock: seconds since 1970.
    :param monotonic: seconds, by a clock that nobody sets.
    :param sleep: waits for so many seconds, between two polls.
    :param environ: Kometa's placeholders, the endpoints and the state directory are read there.
    :raises TypeError, ValueError: an argument is of another type, or a callback that the method
        needs is missing; nothing was sent.
    :raises LoginRequired: nobody signed in: see its ``reason``.
    :raises ConfigError, ClientRejected, AccountProblem, TraktUnavailable, LockTimeout, SaveError:
        as :func:`trakt_config.authorize`.
    """
    options = Options(lock_timeout=lock_timeout, session=session, clock=clock,
                      environ=environment(environ), sleep=sleep)
    if not callable(monotonic):
        raise TypeError(f"monotonic has to be a function, not {type(monotonic).__name__}")
    callbacks.refuse_async("monotonic", monotonic)
    _check(method, dialog, other_account)
    return _signed_in(SignIn(Run.on(config_path, options), guarded(dialog),
                             callbacks.clock_of("monotonic", monotonic),
                             other_account=other_account), method)


@reports_errors
def login_with(config_path: ConfigPath, client: NewClient, *, method: Method = "device",
               dialog: Dialog = Dialog(), other_account: bool = False,
               environ: Mapping[str, str] | None = None) -> Authorization:
    """Sign in with an app that the config does not hold yet; made, if it does not exist.

    Nothing is written before Trakt has taken the client_id, with the first request of a sign-in
    by device code, and nothing that was written stays where Trakt refuses the app later.

    :raises CannotRegister: it cannot be written without changing more.
    :raises ClientRejected: Trakt refuses the app; the config is what it was.
    """
    options = Options(environ=environment(environ))
    rehearse(config_path, client)
    code = _first_code(client, options) if client.client_id else None
    with registered(config_path, client, options):
        return _signed_in(SignIn(Run.on(config_path, options), guarded(dialog), time.monotonic,
                                 other_account=other_account, first_code=code), method)


def _check(method: Method, dialog: Dialog, other_account: bool) -> None:
    """Refuse a sign-in that nobody could take part in, before anything is asked of Trakt.

    :raises TypeError, ValueError: with what to give instead.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"method has to be one of {', '.join(METHODS)}")
    if not isinstance(dialog, Dialog):
        raise TypeError(f"dialog has to be a Dialog, not {type(dialog).__name__}")
    if not isinstance(other_account, bool):
        raise TypeError("other_account has to be True or False, not "
                        f"{type(other_account).__name__}")
    if other_account and method == "device":
        raise ValueError('other_account is not for method "device": Trakt asks who is signing in '
                         'only in a sign-in by "browser" or "pin"')
    for name, why in _NEEDED[method].items():
        if not dialog.has(name):
            raise ValueError(f'method "{method}" needs a dialog with {name}, {why}: '
                             f"Dialog({name}=...)")
    if method == "browser" and not (dialog.has("show_address") or dialog.has("open_browser")
                                    or browser.can_open()):
        raise ValueError('method "browser" needs a dialog with show_address or open_browser where '
                         "no browser can be opened: Dialog(show_address=...)")


def _first_code(client: NewClient, options: Options) -> DeviceCode:
    app = Client(client.client_id, Secret(client.client_secret) if client.client_secret else None)
    return TraktClient(app, Endpoints.from_environ(options.environ)).device_code()


def _signed_in(sign_in: SignIn, method: Method) -> Authorization:
    try:
        authorization = METHODS[method](sign_in)
        if method != "browser" and sign_in.dialog.show_account is not None:
            sign_in.account_of(authorization)
        return authorization
    except save.TokensReplaced:
        return policy.adopt(sign_in.run).authorization
