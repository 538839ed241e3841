"""Sign-in with a device code (RFC 8628, Trakt's guide): begin, then ask until the user is done."""
from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable
from urllib.parse import quote

from trakt_config.oauth import limits
from trakt_config.oauth.answers import (
    DEVICE_CODE,
    NO_DEVICE_CODE,
    Failure,
    failure_of,
    granted,
    is_html,
    is_success,
    unusable,
)
from trakt_config.oauth.endpoints import VISIBLE, endpoint_problem
from trakt_config.oauth.quotes import gives_away
from trakt_config.oauth.requester import Requester
from trakt_config.oauth.transport import HttpResponse
from trakt_config.tokens import Authorization, Secret, json_object


@dataclass(frozen=True)
class DeviceCode:
    """A sign-in that has begun (RFC 8628, section 3.2); ``expires_in``, ``interval``: seconds.

    ``user_code`` is to be entered at ``verification_url``; ``link`` is that page with the code.
    """

    device_code: Secret
    user_code: str
    verification_url: str
    expires_in: int
    interval: int

    @property
    def link(self) -> str:
        """The page with the code filled in, for a link and a QR code (Trakt's older guide)."""
        return f"{self.verification_url.rstrip('/')}/{quote(self.user_code, safe='')}"


class DevicePoll(enum.Enum):
    """What Trakt says while there are no tokens for a device code (RFC 8628, section 3.5)."""

    PENDING = "pending"            #: ask again after the interval
    SLOW_DOWN = "slow_down"        #: ask again; the interval is 5 s longer from now on
    NOT_FOUND = "not_found"        #: Trakt knows no such device code
    ALREADY_USED = "already_used"  #: tokens were given for it before
    EXPIRED = "expired"            #: start again
    DENIED = "denied"              #: the user said no


def device_code(trakt: Requester) -> DeviceCode:
    """Begin a sign-in with a device code (RFC 8628, section 3.1)."""
    answer = trakt.post("/oauth/device/code", {"client_id": trakt.app.client_id},
                        NO_DEVICE_CODE, trakt.within())
    if not is_success(answer):
        raise failure_of(answer, NO_DEVICE_CODE, secrets=trakt.all_secrets()).error
    code = _device_code(json_object(answer.body) or {})
    if code is None or gives_away(f"{code.user_code} {code.link}", trakt.all_secrets()):
        raise unusable(answer, NO_DEVICE_CODE).error
    return code


def poll(trakt: Requester, code: DeviceCode, *,
         record: Callable[[bytes], None]) -> Authorization | DevicePoll:
    """Ask once whether the user has said yes (RFC 8628, sections 3.4 and 3.5, Trakt's
    statuses). After TraktUnavailable it is worth asking again until the code expires.

    :param record: as for :func:`~trakt_config.oauth.token.exchange`.
    """
    fields = {"code": code.device_code.reveal(), "client_id": trakt.app.client_id}
    answer = trakt.post("/oauth/device/token", trakt.with_client_secret(fields),
                        DEVICE_CODE, trakt.within(limits.REQUEST_TIMEOUT))
    if is_success(answer):
        result = granted(answer, DEVICE_CODE, None, record, trakt.clock)
        if isinstance(result, Failure):
            raise result.error
        return result
    state = _device_poll(answer)
    if state is None:
        secrets = trakt.all_secrets(code.device_code, Secret(code.user_code))
        raise failure_of(answer, DEVICE_CODE, secrets=secrets, clock=trakt.clock).error
    return state


def _device_code(answer: Mapping[str, Any]) -> DeviceCode | None:
    """The device code in an answer; None without the three things that a sign-in needs."""
    code, user_code, url = (answer.get(key) for key in (
        "device_code", "user_code", "verification_url"))
    for value in (code, user_code, url):
        if not isinstance(value, str) or not VISIBLE.fullmatch(value):
            return None
    if endpoint_problem(str(url).partition("?")[0]):
        return None
    return DeviceCode(Secret(str(code)), str(user_code), str(url),
                      expires_in=_whole_number(answer.get("expires_in"), 600, 3600),
                      interval=_whole_number(answer.get("interval"), 5, 60))


def _whole_number(value: Any, default: int, largest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return default
    return min(int(value), largest)


_DEVICE_POLL_BY_STATUS = {
    400: DevicePoll.PENDING, 404: DevicePoll.NOT_FOUND, 409: DevicePoll.ALREADY_USED,
    410: DevicePoll.EXPIRED, 418: DevicePoll.DENIED, 429: DevicePoll.SLOW_DOWN,
}

_DEVICE_POLL_BY_ERROR = {
    "authorization_pending": DevicePoll.PENDING, "slow_down": DevicePoll.SLOW_DOWN,
    "expired_token": DevicePoll.EXPIRED, "access_denied": DevicePoll.DENIED,
}


def _device_poll(answer: HttpResponse) -> DevicePoll | None:
    """Trakt's status, or RFC 8628's word where there is one; None for any other refusal."""
    if is_html(answer) and answer.status != 429 or "x-account-deactivated" in answer.headers:
        return None
    error = (json_object(answer.body) or {}).get("error")
    if isinstance(error, str) and answer.status in (400, 401):
        return _DEVICE_POLL_BY_ERROR.get(error)
    return _DEVICE_POLL_BY_STATUS.get(answer.status)
