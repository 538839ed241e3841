"""Exchange a code or a refresh token for tokens at Trakt: what is sent, and how often.

It knows no file. Sources: Trakt's developer guide; RFC 6749 (OAuth 2.0), RFC 7636 (PKCE).
"""
from __future__ import annotations

from typing import Callable

from trakt_config.errors import SIGN_IN_AGAIN, LoginRequired, TraktConfigError, TraktUnavailable
from trakt_config.oauth.answers import (
    AUTHORIZATION_CODE,
    PAUSE,
    REFRESH_TOKEN,
    TYPED_PIN,
    Credential,
    Failure,
    failure_of,
    granted,
    in_doubt,
    is_success,
)
from trakt_config.oauth.requester import Deadline, Requester, logger
from trakt_config.startup import Record, fields_of
from trakt_config.tokens import Authorization, Secret


class AuthorizationCode(Record):
    """A pin or the code of a redirect (RFC 6749, section 4.1.3), perhaps with PKCE's verifier."""

    code: Secret
    code_verifier: Secret | None = None


class RefreshToken(Record):
    """A refresh token (RFC 6749, section 6). At Trakt it works once."""

    token: Secret


def exchange(trakt: Requester, grant: AuthorizationCode | RefreshToken, *,
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
    deadline = trakt.within(budget)
    with_secret = isinstance(grant, RefreshToken) or grant.code_verifier is None
    may_repeat = retry_unknown and isinstance(grant, RefreshToken)
    first = _ask(trakt, deadline, grant, with_secret, record)
    if isinstance(first, Authorization):
        return first
    if first.invalid_client and not with_secret and trakt.app.client_secret:
        logger.info("Trakt wants the client_secret with the code_verifier; sending it")
        with_secret = True
    elif (first.repeat_after is None or first.outcome_unknown and not may_repeat
          or not deadline.wait(first.repeat_after, first.error.message)):
        raise first.error
    second = _ask(trakt, deadline, grant, with_secret, record)
    if isinstance(second, Authorization):
        return second
    raise _final(first, second, _credential(grant))


def _ask(trakt: Requester, deadline: Deadline, grant: AuthorizationCode | RefreshToken,
         with_secret: bool, record: Callable[[bytes], None]) -> Authorization | Failure:
    """One request that reaches Trakt, and its meaning."""
    credential = _credential(grant)
    try:
        fields = _token_request(grant, trakt, with_secret)
        answer = trakt.post("/oauth/token", fields, credential, deadline)
    except TraktUnavailable as error:
        return Failure(error, repeat_after=PAUSE if error.outcome_unknown else None)
    if is_success(answer):
        kept = grant.token if isinstance(grant, RefreshToken) else None
        return granted(answer, credential, kept, record, trakt.clock)
    return failure_of(answer, credential, clock=trakt.clock,
                      secrets=trakt.all_secrets(*filter(None, fields_of(grant).values())))


def _final(first: Failure, second: Failure, credential: Credential) -> TraktConfigError:
    """What to raise after two requests: a lost first answer shows in the second."""
    if not first.outcome_unknown:
        return second.error
    if isinstance(second.error, LoginRequired):
        return LoginRequired("Trakt refused the refresh token: the earlier answer was lost, and "
                             "with it the new tokens", reason="answer_lost",
                             hint=SIGN_IN_AGAIN)
    if isinstance(second.error, TraktUnavailable):
        in_doubt(second.error, credential)
    return second.error


def _token_request(grant: AuthorizationCode | RefreshToken, trakt: Requester,
                   with_secret: bool) -> dict[str, str]:
    """The fields of ``POST /oauth/token``; those that there are no values for are left out."""
    fields = {"client_id": trakt.app.client_id, "redirect_uri": trakt.app.redirect_uri}
    if isinstance(grant, RefreshToken):
        fields.update(grant_type="refresh_token", refresh_token=grant.token.reveal())
    else:
        fields.update(grant_type="authorization_code", code=grant.code.reveal())
        if grant.code_verifier is not None:
            fields.update(code_verifier=grant.code_verifier.reveal())
    return trakt.with_client_secret(fields) if with_secret else fields


def _credential(grant: AuthorizationCode | RefreshToken) -> Credential:
    if isinstance(grant, RefreshToken):
        return REFRESH_TOKEN
    return TYPED_PIN if grant.code_verifier is None else AUTHORIZATION_CODE

