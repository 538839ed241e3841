"""What an answer of Trakt means: tokens, or one of our exceptions with its words."""
from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping
from typing import Callable

from trakt_config.errors import (
    APPS_PAGE,
    SIGN_IN_AGAIN,
    AccountProblem,
    ClientRejected,
    LoginRequired,
    Reason,
    TraktConfigError,
    TraktUnavailable,
    command,
)
from trakt_config.oauth.quotes import cleaned
from trakt_config.oauth.transport import HttpResponse
from trakt_config.startup import Record
from trakt_config.tokens import Authorization, Secret, UnusableAnswer, json_object

#: Seconds before a request is repeated where Trakt does not say how many.
PAUSE = 5.0

#: Seconds that one run waits at most because Trakt asks for it.
LONGEST_PAUSE = 30.0

#: Seconds; what Trakt asks beyond a day is not believed.
LONGEST_RETRY_AFTER = 86400.0


class Failure(Record):
    """A request that did not succeed.

    :ivar error: what to raise when nothing more is tried.
    :ivar repeat_after: seconds after which the same request may be worth sending once more; None
        when it is not.
    :ivar invalid_client: Trakt asked for (other) client authentication.
    """

    error: TraktConfigError
    repeat_after: float | None = None
    invalid_client: bool = False

    @property
    def outcome_unknown(self) -> bool:
        return isinstance(self.error, TraktUnavailable) and self.error.outcome_unknown


class Credential(Record):
    """What was sent, for the words of a refusal, and of an answer that was lost.

    :ivar works_once: Trakt gives tokens for it, and then it is spent.
    """

    name: str
    reason: Reason
    advice: str
    works_once: bool = True


TYPED_PIN = Credential(
    "the pin", "pin_refused",
    "A pin works once, for about ten minutes, and only with the redirect_uri and the app that it "
    f"was made for, and Trakt may refuse one that is typed into a file. Sign in: "
    f"{command('login')}")
AUTHORIZATION_CODE = Credential(
    "the code", "pin_refused",
    "A code or pin works once, for about ten minutes, and only with the redirect_uri and the app "
    f"that it was made for. Start again: {command('login')}")
REFRESH_TOKEN = Credential(
    "the refresh token", "refresh_token_refused",
    "It was revoked, used by another copy of this file, or replaced in an answer that was lost. "
    "Where two files had one token, make one a copy: empty its refresh_token, then run: "
    "trakt-config authorize HOLDER --copy-to OTHER. Else sign in again: "
    f"{command('login')}")
ACCESS_TOKEN = Credential(
    "the access token", "access_token_refused",
    f"It has ended or was revoked. Run: {command('authorize --force')}; else: {command('login')}",
    works_once=False)
DEVICE_CODE = Credential(
    "the device code", "pin_refused", SIGN_IN_AGAIN)
#: To ask for a device code, nothing is sent that could be spent.
NO_DEVICE_CODE = Credential(
    "the request for a device code", "pin_refused", SIGN_IN_AGAIN, works_once=False)

_CLIENT_ADVICE: Mapping[int, tuple[str, str]] = {
    401: ("Trakt does not accept this app (401)",
          "Check client_id and client_secret (wrong, or swapped?) at "
          f"{APPS_PAGE}"),
    403: ("Trakt refuses this app (403)",
          "It may not be approved yet, was removed, or its key is refused. The page of your apps "
          f"shows which: {APPS_PAGE}"),
    404: ("Trakt knows no such address (404)",
          "Check TRAKT_CONFIG_OAUTH_URL and TRAKT_CONFIG_API_URL; else upgrade trakt_config."),
    412: ("Trakt did not understand the type of the request (412)",
          "A proxy may have altered it; else upgrade trakt_config."),
    426: ("Trakt allows this for VIP members only (426)",
          "See https://app.trakt.tv/vip"),
}


def failure_of(answer: HttpResponse, credential: Credential, *, secrets: Iterable[Secret] = (),
               clock: Callable[[], float] = time.time) -> Failure:
    """The meaning of an answer that is not a success (RFC 6749, section 5.2; Trakt's guide)."""
    code, description = _oauth_error(answer.body, secrets)
    if answer.status == 429:
        return _rate_limited(answer, clock)
    if account := _account_problem(answer):
        return Failure(account)
    if answer.status in (400, 401) and code == "invalid_grant":
        return Failure(_refused(credential, description))
    if _says_nothing(answer, code):
        return unknown(_what_came(answer), answer, credential, clock)
    words, advice = _client_advice(answer.status, code, description)
    return Failure(ClientRejected(words + _quoted(description), hint=advice),
                   invalid_client=code == "invalid_client")


def granted(answer: HttpResponse, credential: Credential, refresh_token: Secret | None,
            record: Callable[[bytes], None],
            clock: Callable[[], float]) -> Authorization | Failure:
    """The tokens in a 2xx answer, once it is recorded."""
    record(answer.body)
    try:
        return Authorization.from_response(answer.body, received_at=clock(),
                                           refresh_token=refresh_token)
    except UnusableAnswer as error:
        spent = error.rest is not None
    failure = unusable(answer, credential, clock)
    # With a refresh token in it, Trakt has spent the one that was sent: never send that again.
    return Failure(failure.error, repeat_after=None if spent else failure.repeat_after)


def unusable(answer: HttpResponse, credential: Credential,
             clock: Callable[[], float] = time.time) -> Failure:
    if is_html(answer):
        words = ("a web page came instead of Trakt's answer: from Cloudflare, or from a network "
                 "that wants a sign-in")
    else:
        words = f"Trakt's answer cannot be used: {answer.problem or 'it is not what was asked for'}"
    return unknown(words, answer, credential, clock)


def unknown(words: str, answer: HttpResponse, credential: Credential,
            clock: Callable[[], float] = time.time) -> Failure:
    """Trakt may have done what was asked, or not."""
    asked = retry_after(answer.headers, clock)
    error = TraktUnavailable(words, retry_after=asked, hint=f"Try again {_when(asked)}.")
    return Failure(in_doubt(error, credential),
                   repeat_after=PAUSE if asked is None else min(asked, LONGEST_PAUSE))


def in_doubt(error: TraktUnavailable, credential: Credential) -> TraktUnavailable:
    """The error of a request whose answer is lost: in words, too, where that may have spent what
    was sent. Where nothing could be spent, it is as if nothing had been sent.
    """
    doubt = f"{credential.name.capitalize()} may be spent."
    error.outcome_unknown = credential.works_once
    if credential.works_once and doubt not in error.hint:
        error.advise_first(doubt)
    return error


def retry_after(headers: Mapping[str, str], clock: Callable[[], float]) -> float | None:
    """Seconds from ``Retry-After`` (RFC 9110, section 10.2.3), at most a day; None for junk."""
    from email.utils import mktime_tz, parsedate_tz  # slow to import, and seldom needed

    value = headers.get("retry-after", "").strip()
    if re.fullmatch("[0-9]+", value):
        return LONGEST_RETRY_AFTER if len(value) > 9 else min(float(value), LONGEST_RETRY_AFTER)
    try:
        date = parsedate_tz(value)
        seconds = mktime_tz(date) - clock() if date else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _oauth_error(body: bytes, secrets: Iterable[Secret]) -> tuple[str, str]:
    """``error`` and ``error_description``, cleaned; empty where there is none."""
    answer = json_object(body) or {}
    code, description = answer.get("error"), answer.get("error_description")
    return (cleaned(code, secrets) if isinstance(code, str) else "",
            cleaned(description, secrets) if isinstance(description, str) else "")


def _rate_limited(answer: HttpResponse, clock: Callable[[], float]) -> Failure:
    asked = retry_after(answer.headers, clock)
    error = TraktUnavailable("Trakt asks us to wait: too many requests (429)", retry_after=asked,
                             hint=f"Try again {_when(asked)}.")
    seconds = PAUSE if asked is None else asked
    return Failure(error, repeat_after=seconds if seconds <= LONGEST_PAUSE else None)


def _when(asked: float | None) -> str:
    """How long Trakt asked to wait, in words; rounded up, so that nobody comes too early."""
    if asked is None:
        return "later"
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if asked > 2 * length:
            return f"in {math.ceil(asked / length)} {unit}"
    return f"in {math.ceil(asked)} s"


def _account_problem(answer: HttpResponse) -> AccountProblem | None:
    hint = "Sign in at https://app.trakt.tv to see why, or ask Trakt's support."
    if not 400 <= answer.status < 500:
        return None
    if "x-account-locked" in answer.headers:
        return AccountProblem("Trakt has locked this account", hint=hint)
    if "x-account-deactivated" in answer.headers or answer.status == 410:
        return AccountProblem("this Trakt account is deactivated", hint=hint)
    if answer.status == 423:
        return AccountProblem("Trakt has locked or deactivated this account", hint=hint)
    return None


def _refused(credential: Credential, description: str) -> LoginRequired:
    if credential is REFRESH_TOKEN and "session not found" in description.lower():
        return before_migration(description)
    return LoginRequired(f"Trakt refused {credential.name}{_quoted(description)}",
                         reason=credential.reason, hint=credential.advice)


def before_migration(description: str = "") -> LoginRequired:
    """A refresh token that stayed behind when Trakt moved, by Trakt's words or by its age."""
    what = ("Trakt does not know it: it was issued before Trakt's move of July 2026, or it is "
            "mistyped." if description else
            "It was issued before Trakt's move of July 2026, and such tokens cannot be refreshed.")
    return LoginRequired(f"Trakt refused the refresh token{_quoted(description)}",
                         reason=REFRESH_TOKEN.reason, detail="before_migration",
                         hint=f"{what} Sign in once more: {command('login')}")


def _says_nothing(answer: HttpResponse, code: str) -> bool:
    """Whether the answer leaves open what Trakt did: nothing is refused in so many words."""
    return (answer.status < 400 or answer.status >= 500 or answer.status in (408, 425)
            or is_html(answer) or answer.status == 400 and not code
            or code in ("server_error", "temporarily_unavailable"))


def is_success(answer: HttpResponse) -> bool:
    return 200 <= answer.status < 300


def is_html(answer: HttpResponse) -> bool:
    return ("html" in answer.headers.get("content-type", "").lower()
            or answer.body.lstrip()[:1] == b"<")


def _what_came(answer: HttpResponse) -> str:
    status = answer.status
    if is_html(answer) and status < 500:
        return (f"a web page came instead of Trakt's answer ({status}): from Cloudflare, or from a "
                "network that wants a sign-in")
    if 300 <= status < 400:
        return f"Trakt's address redirects elsewhere ({status}), which is not followed"
    return f"Trakt failed ({status})" if status >= 500 else f"Trakt gave no reason ({status})"


def _client_advice(status: int, code: str, description: str) -> tuple[str, str]:
    about = description.lower()
    if code == "invalid_client":
        return ("Trakt does not accept client_id and client_secret (invalid_client)",
                f"Correct them in the trakt block (wrong, or swapped?): {APPS_PAGE} has both, "
                "unless the app was removed.")
    if code == "invalid_request" and "redirect_uri" in about:
        return ("Trakt refuses trakt.redirect_uri (redirect_uri mismatch)",
                "It must equal the one that the code was issued for, case and all: leave it empty "
                "for a PIN; blocks made with Kometa's web page need "
                "https://utilities.kometa.wiki/trakt-oauth/callback")
    if code == "invalid_request" and "client_id" in about:
        return ("Trakt does not know this client_id (client_id is required)",
                f"The app was deleted, or a proxy altered the request. See {APPS_PAGE}")
    if status in _CLIENT_ADVICE:
        return _CLIENT_ADVICE[status]
    return (f"Trakt refuses the request ({code or status})",
            f"Check the trakt block, and the app at {APPS_PAGE}")


def _quoted(description: str) -> str:
    return f': "{description}"' if description else ""
