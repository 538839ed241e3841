"""Our headers on a request to Trakt's API, which must not follow a redirect to anywhere else.

requests follows a redirect with a copy of the request, for which it asks nobody. The headers
themselves therefore know that their next copy has to do without ours: the request, which may be the
caller's own and be sent again, stays as it is. Imported only where there is a request.
"""
from __future__ import annotations

import _thread
from collections.abc import Mapping
from typing import Any

from requests import PreparedRequest, Response
from requests.structures import CaseInsensitiveDict
from requests.utils import default_user_agent

from trakt_config.oauth import API_VERSION, USER_AGENT
from trakt_config.tokens import Secret

#: Safe or idempotent: repeating them does no harm (RFC 9110, section 9.2.2).
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})

NAMES = ("Authorization", "trakt-api-version", "trakt-api-key")


class SignedHeaders(CaseInsensitiveDict[str]):
    """Headers whose next copy, in a thread that says so, lacks ours."""

    def __init__(self, data: Any = None, **more: str) -> None:
        super().__init__(data, **more)
        self._unsigned_in: set[int] = set()

    def copy(self) -> CaseInsensitiveDict[str]:
        """Called by requests, in the thread that was told of the redirect."""
        thread = _thread.get_ident()
        if thread in self._unsigned_in:
            self._unsigned_in.discard(thread)
            return unsigned(self)
        return SignedHeaders(self.items())

    def unsign_next_copy(self) -> None:
        self._unsigned_in.add(_thread.get_ident())


def sign(request: PreparedRequest, *, access_token: Secret, client_id: str) -> None:
    """Add our headers."""
    headers = SignedHeaders(request.headers.items())
    headers["Authorization"] = f"Bearer {access_token.reveal()}"
    headers["trakt-api-version"] = API_VERSION
    headers["trakt-api-key"] = client_id
    headers.setdefault("Content-Type", "application/json")
    if str(headers.get("User-Agent") or "python-requests").startswith("python-requests"):
        headers["User-Agent"] = USER_AGENT
    request.headers = headers


def unsign_next_copy(request: PreparedRequest) -> None:
    """Let requests send nothing of ours to where it is redirected."""
    if isinstance(request.headers, SignedHeaders):
        request.headers.unsign_next_copy()
    else:  # Somebody has put other headers in their place.
        request.headers = unsigned(request.headers)


def unsigned(headers: CaseInsensitiveDict[str]) -> CaseInsensitiveDict[str]:
    """A plain copy without our headers."""
    plain = CaseInsensitiveDict(headers.items())
    for name in NAMES:
        plain.pop(name, None)
    if plain.get("User-Agent") == USER_AGENT:
        plain["User-Agent"] = default_user_agent()
    return plain


def is_repeatable(request: PreparedRequest) -> bool:
    """Whether a request that Trakt refused can be sent again."""
    return request.method in REPEATABLE and isinstance(request.body, (type(None), bytes, str))


def repeat(response: Response, access_token: Secret, client_id: str,
           settings: Mapping[str, Any]) -> Response:
    """Send the request again, signed anew, the way requests' own auth objects do it."""
    request = response.request.copy()
    sign(request, access_token=access_token, client_id=client_id)
    _ = response.content  # Read to the end, so that the connection can be used again.
    response.close()
    repeated: Response = response.connection.send(request, **settings)
    repeated.history.append(response)
    return repeated
