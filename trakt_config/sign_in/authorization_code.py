"""Sign in with an authorization code (RFC 6749, section 4.1), with a state and PKCE (RFC 7636).

The browser brings it to this machine (RFC 8252, section 7.3), or the person does: a pin.
"""
from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from trakt_config import oauth
from trakt_config.authorization import redeem, save
from trakt_config.authorization.run import Snapshot
from trakt_config.authorization.trakt import client_for, secrets_in
from trakt_config.errors import (
    APPS_PAGE,
    SIGN_IN_AGAIN,
    ClientRejected,
    LoginRequired,
    TraktConfigError,
    TraktUnavailable,
    command,
)
from trakt_config.oauth import VISIBLE
from trakt_config.sign_in import browser, loopback
from trakt_config.sign_in.registration import needs_loopback_uri
from trakt_config.sign_in.sign_in import SignIn, counted_down
from trakt_config.tokens import Authorization, Secret

#: Seconds that a person has for a sign-in in the browser.
TIME_LIMIT = 600.0

#: How often a pin is asked for.
PIN_TRIES = 3

#: What no code begins with: https://..., urn:..., auth.trakt.tv/...
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+/|localhost/")

#: What stands in a web page or a template.
_NO_PIN = re.compile(r"[<>{}$]")


@dataclass(frozen=True)
class AuthorizationRequest:
    """What ties an answer to this sign-in: the state, and PKCE's secret (86 characters)."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    code_verifier: Secret = field(default_factory=lambda: Secret(secrets.token_urlsafe(64)))

    def url(self, sign_in: SignIn, snapshot: Snapshot) -> str:
        """The address at which the person signs in (RFC 7636, section 4.2: S256).

        With ``prompt=login`` Trakt asks who is signing in, whoever the browser is signed in as.
        """
        digest = hashlib.sha256(self.code_verifier.reveal().encode("ascii")).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
        url = client_for(sign_in.run.options, snapshot).authorize_url(
            state=self.state, code_challenge=challenge)
        return f"{url}&prompt=login" if sign_in.other_account else url


def in_browser(sign_in: SignIn) -> Authorization:
    """The browser is sent back to this machine, where we listen for it."""
    snapshot = sign_in.prove_saving()
    request = AuthorizationRequest()
    url = request.url(sign_in, snapshot)
    address = loopback.address_of(snapshot.settings.client.redirect_uri)
    if address is None:
        raise needs_loopback_uri(snapshot.document)
    with loopback.listen(address, request.state) as receiver:
        sign_in.dialog.show_address(url)
        with browser.opened(url, sign_in.dialog.open_browser,
                            lambda why: _browser_failed(sign_in, receiver, why)):
            redirect = counted_down(sign_in.dialog, lambda: receiver.wait(
                TIME_LIMIT, sign_in.dialog.countdown))
            return _answered(sign_in, snapshot, request, receiver, redirect)


def with_pin(sign_in: SignIn) -> Authorization:
    """The person brings the code from a browser anywhere."""
    snapshot = sign_in.prove_saving()
    request = AuthorizationRequest()
    sign_in.dialog.show_address(request.url(sign_in, snapshot))
    for left in reversed(range(PIN_TRIES)):
        typed = sign_in.dialog.ask_pin()
        if not isinstance(typed, str):
            raise TypeError(f"ask_pin has to return a str, not {type(typed).__name__}")
        try:
            return _exchange_code(
                sign_in, request, _code_typed(typed, request, _secrets(snapshot, request)))
        except LoginRequired as error:
            refused = error
        if refused.reason != "pin_refused" or not typed or not left \
                or not sign_in.dialog.offer_new_pin(refused.message):
            break
    refused.path = sign_in.run.name
    refused.hint = refused.hint.replace("trakt-config login ", "trakt-config login --pin ", 1)
    raise refused


def _browser_failed(sign_in: SignIn, receiver: loopback.Receiver, why: str) -> None:
    """Nobody is waited for who does not know where to sign in."""
    if not sign_in.dialog.has("show_address"):
        receiver.give_up(LoginRequired(
            f"no browser was opened ({why}), and the dialog has no show_address",
            reason="no_browser",
            hint=f"Give the dialog a show_address as well. Or sign in with: {command('login')}"))


def _answered(sign_in: SignIn, snapshot: Snapshot, request: AuthorizationRequest,
              receiver: loopback.Receiver, redirect: Mapping[str, str] | None) -> Authorization:
    """The browser's tab says that all is well when it is, and not before."""
    if redirect is None:
        raise LoginRequired(f"nobody signed in within {TIME_LIMIT / 60:.0f} minutes",
                            reason="expired", hint=SIGN_IN_AGAIN)
    name = sign_in.run.name
    try:
        authorization = _exchange_code(
            sign_in, request, _code_in(redirect, _secrets(snapshot, request)))
    except save.TokensReplaced:
        receiver.answer("Signed in elsewhere meanwhile",
                        f"{name} has other tokens by now, and those stay.")
        raise
    except TraktConfigError as error:
        receiver.answer("You are not signed in",
                        f"{name} was not signed in: {error.message}; the program that you signed "
                        "in for says what to do.")
        raise
    account = sign_in.account_of(authorization)
    receiver.answer("You are signed in",
                    f"{name} is signed in{f' as {account}' if account else ''}.")
    return authorization


def _exchange_code(sign_in: SignIn, request: AuthorizationRequest, code: Secret) -> Authorization:
    grant = oauth.AuthorizationCode(code, request.code_verifier)
    return sign_in.redeem(lambda snapshot: redeem.ask_with(sign_in.run, snapshot, grant))


def _secrets(snapshot: Snapshot, request: AuthorizationRequest) -> Sequence[Secret]:
    """What the words of a redirect must not show."""
    return [*secrets_in(snapshot), request.code_verifier]


def _code_typed(text: str, request: AuthorizationRequest, known: Sequence[Secret]) -> Secret:
    """The code in what the person brought: a pin, or the address that Trakt redirected to."""
    text = text.strip()
    if _NO_PIN.search(text):
        raise LoginRequired("a pin has none of < > { } $", reason="pin_refused", hint=SIGN_IN_AGAIN)
    if not _ADDRESS.match(text):
        return _checked(text)
    try:
        parameters = parse_qs(urlsplit(text).query)
    except ValueError:
        parameters = {}
    redirect = {name: values[0] for name, values in parameters.items()}
    if redirect.get("state", request.state) != request.state:
        raise LoginRequired("that address belongs to another sign-in", reason="pin_refused",
                            hint=SIGN_IN_AGAIN)
    if not redirect.get("code") and not redirect.get("error"):
        raise LoginRequired("that address has no code", reason="pin_refused",
                            hint="Bring the address of the page that comes once the app is "
                                 f"allowed at Trakt. Start again: {command('login')}")
    return _code_in(redirect, known)


def _code_in(redirect: Mapping[str, str], known: Sequence[Secret]) -> Secret:
    """The code that Trakt redirected with (RFC 6749, sections 4.1.2 and 4.1.2.1)."""
    error = oauth.cleaned(redirect.get("error", ""), known)
    if not error:
        return _checked(redirect.get("code", ""))
    if error == "access_denied":
        raise LoginRequired("access was denied at Trakt", reason="denied", hint=SIGN_IN_AGAIN)
    description = oauth.cleaned(redirect.get("error_description", ""), known)
    said = f'{error}: "{description}"' if description else error
    if error in ("server_error", "temporarily_unavailable"):
        raise TraktUnavailable(f"Trakt failed ({said})", hint="Try again later.")
    raise ClientRejected(f"Trakt refuses the sign-in ({said})",
                         hint=f"Check client_id and redirect_uri against the app: {APPS_PAGE}")


def _checked(code: str) -> Secret:
    """The code, if it can be one; what was typed is never quoted."""
    if VISIBLE.fullmatch(code):
        return Secret(code)
    problem = "the pin has spaces or characters that are not ASCII" if code else "no pin was given"
    raise LoginRequired(problem, reason="pin_refused",
                        hint="Bring the pin alone, or the whole address. Start again: "
                             f"{command('login')}")
