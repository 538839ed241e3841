"""Exchange a code or a refresh token for tokens at Trakt: what is sent, and how often.

It knows no file. Sources: Trakt's developer guide; RFC 6749 (OAuth 2.0), RFC 7636 (PKCE).
"""
from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable
from urllib.parse import urlencode

from trakt_config.errors import LoginRequired, TraktConfigError, TraktUnavailable, command
from trakt_config.oauth.answers import (
    AUTHORIZATION_CODE,
    PAUSE,
    PIN,
    REFRESH_TOKEN,
    Credential,
    Failure,
    failure_of,
    granted,
    is_success,
)
from trakt_config.oauth.client import BUDGET, Endpoints, Sender, logger, with_client_secret
from trakt_config.tokens import Authorization, Client, Secret

if TYPE_CHECKING:
    import requests

@dataclass(frozen=True)
class AuthorizationCode:
    """A pin or the code of a redirect (RFC 6749, section 4.1.3), perhaps with PKCE's verifier."""

    code: Secret
    code_verifier: Secret | None = None


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token (RFC 6749, section 6). At Trakt it works once."""

    token: Secret


def exchange(grant: AuthorizationCode | RefreshToken, client: Client, *,
             endpoints: Endpoints, record: Callable[[bytes], None], retry_unknown: bool,
             budget: float = BUDGET, session: requests.Session | None = None,
             clock: Callable[[], float] = time.time,
             monotonic: Callable[[], float] = time.monotonic,
             sleep: Callable[[float], None] = time.sleep) -> Authorization:
    """Exchange a code or a refresh token for tokens (RFC 6749, sections 4.1.3, 5 and 6).

    At most two requests reach Trakt. What certainly was not sent is tried up to three times.

    :param record: gets the body, at most 256 KiB, of every 2xx answer before any of it is parsed:
        with two answers it is called twice, and the last is the one that counts.
    :param retry_unknown: whether a refresh whose outcome is unknown is sent once more. A code
        never is.
    :param budget: seconds for all tries and waits together. Resolving a name, and connecting
        (5 s an address), can exceed it; with a caller's `session` so can a dripping answer.
    :param session: for proxies, adapters and CA bundles; nothing else of it is used. An adapter
        that retries by itself breaks the promise above.
    :raises LoginRequired: ``pin_refused``, ``refresh_token_refused``, or ``answer_lost``.
    :raises ClientRejected: Trakt refuses the app.
    :raises AccountProblem: Trakt has locked or deactivated the account.
    :raises TraktUnavailable: see its ``outcome_unknown`` and ``retry_after``.
    :raises ConfigError: the client_id cannot be sent in a header; nothing was sent.
    """
    sender = Sender.within(budget, client, session, monotonic, sleep)
    url = endpoints.oauth + "/oauth/token"
    with_secret = not _has_verifier(grant)
    first = _ask(sender, url, grant, with_secret, record, clock)
    if isinstance(first, Authorization):
        return first
    if first.invalid_client and not with_secret and client.client_secret:
        logger.info("Trakt wants the client_secret with the code_verifier; sending it")
        with_secret = True
    elif not _may_repeat(first, grant, retry_unknown) or not sender.allowance.wait(
            first.repeat_after or 0.0, first.error.message):
        raise first.error
    second = _ask(sender, url, grant, with_secret, record, clock)
    if isinstance(second, Authorization):
        return second
    raise _final(first, second)


def authorize_url(client: Client, *, endpoints: Endpoints, state: str,
                  code_challenge: str | None = None) -> str:
    """The address where a person signs in (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
    query = {"response_type": "code", "client_id": client.client_id,
             "redirect_uri": client.redirect_uri, "state": state}
    if code_challenge is not None:
        query.update(code_challenge=code_challenge, code_challenge_method="S256")
    return f"{endpoints.oauth}/oauth/authorize?{urlencode(query)}"


def _ask(sender: Sender, url: str, grant: AuthorizationCode | RefreshToken,
         with_secret: bool, record: Callable[[bytes], None],
         clock: Callable[[], float]) -> Authorization | Failure:
    """One request that reaches Trakt, and its meaning."""
    try:
        answer = sender.post(url, _token_request(grant, sender.client, with_secret))
    except TraktUnavailable as error:
        return Failure(error, repeat_after=PAUSE if error.outcome_unknown else None)
    if is_success(answer):
        kept = grant.token if isinstance(grant, RefreshToken) else None
        return granted(answer, kept, record, clock)
    secrets = [*sender.secrets(), *_secrets_in(grant)]
    return failure_of(answer, _credential(grant), secrets=secrets, clock=clock)


def _may_repeat(failure: Failure, grant: AuthorizationCode | RefreshToken,
                retry_unknown: bool) -> bool:
    if failure.repeat_after is None:
        return False
    return not failure.outcome_unknown or retry_unknown and isinstance(grant, RefreshToken)


def _final(first: Failure, second: Failure) -> TraktConfigError:
    """What to raise after two requests: a lost first answer shows in the second."""
    if not first.outcome_unknown:
        return second.error
    if isinstance(second.error, LoginRequired):
        return LoginRequired("Trakt refused the refresh token: the earlier answer was lost, and "
                             "with it the new tokens", reason="answer_lost",
                             hint=f"sign in again: {command('login')}")
    if isinstance(second.error, TraktUnavailable):
        second.error.outcome_unknown = True
    return second.error


def _token_request(grant: AuthorizationCode | RefreshToken, client: Client,
                   with_secret: bool) -> dict[str, str]:
    """The fields of ``POST /oauth/token``; those that there are no values for are left out."""
    fields = {"client_id": client.client_id, "redirect_uri": client.redirect_uri}
    if isinstance(grant, RefreshToken):
        fields.update(grant_type="refresh_token", refresh_token=grant.token.reveal())
    else:
        fields.update(grant_type="authorization_code", code=grant.code.reveal())
        if grant.code_verifier is not None:
            fields.update(code_verifier=grant.code_verifier.reveal())
    return with_client_secret(fields, client) if with_secret else fields


def _has_verifier(grant: AuthorizationCode | RefreshToken) -> bool:
    return isinstance(grant, AuthorizationCode) and grant.code_verifier is not None


def _credential(grant: AuthorizationCode | RefreshToken) -> Credential:
    if isinstance(grant, RefreshToken):
        return REFRESH_TOKEN
    return PIN if grant.code_verifier is None else AUTHORIZATION_CODE


def _secrets_in(grant: AuthorizationCode | RefreshToken) -> list[Secret]:
    if isinstance(grant, RefreshToken):
        return [grant.token]
    return [grant.code] if grant.code_verifier is None else [grant.code, grant.code_verifier]
