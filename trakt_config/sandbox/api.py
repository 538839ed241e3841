"""The sandbox's endpoints: a parsed request in, a reply out. Strict where Trakt is strict.

Sources: Trakt's API contract and its developer guide; RFC 6749, 7009, 7636 and 8628.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Callable
from urllib.parse import parse_qsl, urlencode, urlsplit

from trakt_config.sandbox import pages
from trakt_config.sandbox.data import SETTINGS, WATCHLIST
from trakt_config.sandbox.issuer import DEVICE_LIFETIME, OUT_OF_BAND, Issuer, Pair, Refused

#: What Trakt's edge turns away: no name at all, or a library's.
_LIBRARY_USER_AGENT = re.compile(
    r"\s*$|(python-|urllib|aiohttp|httpx|okhttp|curl|wget|go-http|java/|node|axios)", re.I)

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")

_AUTHORIZE_PARAMETERS = ("response_type", "client_id", "redirect_uri", "state",
                         "code_challenge", "code_challenge_method")


@dataclass(frozen=True)
class Call:
    """A request as it arrived. Header names are in lower case; `url` is the sandbox's own.

    `refused` is the status for a body that was not read, or 0.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    url: str
    refused: int = 0

    def json(self) -> dict[str, object] | None:
        """The body as a JSON object, or None when it is not one."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return parsed if isinstance(parsed, dict) else None

    def form(self) -> dict[str, str]:
        """The query's parameters and, from a browser's form, the body's."""
        body = self.body.decode("utf-8", "replace")
        return dict(parse_qsl(self.query) + parse_qsl(body))


@dataclass(frozen=True)
class Reply:
    """An answer, and what is remembered about it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    issued: bool = False
    reuse: bool = False


def respond(call: Call, issuer: Issuer) -> Reply:
    """What Trakt would answer to `call`."""
    if call.refused:
        return _html(call.refused, pages.message("This does not work", "The body is not read."))
    path = "/activate" if call.path.startswith("/activate/") else call.path
    endpoint = _ENDPOINTS.get((call.method, path))
    if endpoint is None:
        known = any(path == known for _, known in _ENDPOINTS)
        return _html(405 if known else 404, pages.message("Nothing here", "No such page."))
    try:
        return endpoint(call, issuer)
    except Refused as refused:
        return _refusal(refused)


def sign_in(parameters: Mapping[str, str], issuer: Issuer, *, allow: bool) -> str:
    """Where the authorization response (RFC 6749, section 4.1.2) sends the browser, with a code or
    access_denied. Out of band: the PIN (empty after Deny).
    """
    redirect_uri = parameters["redirect_uri"]
    if allow:
        answer = {"code": issuer.issue_code(redirect_uri, parameters.get("code_challenge"))}
    else:
        answer = {"error": "access_denied", "error_description": "The user denied the request."}
    if redirect_uri == OUT_OF_BAND:
        return answer.get("code", "")
    if "state" in parameters:
        answer["state"] = parameters["state"]
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return f"{redirect_uri}{joint}{urlencode(answer)}"


def check_authorization_request(parameters: Mapping[str, str], issuer: Issuer) -> None:
    """Refuse what Trakt would not show its page for (RFC 6749, section 4.1.1)."""
    if parameters.get("client_id") != issuer.client_id:
        raise Refused(400, "invalid_client", "the app is not known")
    if not _is_redirect_uri(parameters.get("redirect_uri", "")):
        raise Refused(400, "invalid_request", "redirect_uri is not one of the app's")
    if parameters.get("response_type") != "code":
        raise Refused(400, "unsupported_response_type", "response_type must be code")
    challenge = parameters.get("code_challenge")
    if challenge is not None and (parameters.get("code_challenge_method") != "S256"
                                  or not _CHALLENGE.fullmatch(challenge)):
        raise Refused(400, "invalid_request", "code_challenge must be an S256 challenge")


def _is_redirect_uri(uri: str) -> bool:
    """Trakt's, or an absolute web address without a fragment (RFC 6749, section 3.1.2)."""
    try:
        target = urlsplit(uri)
    except ValueError:
        return False
    is_web = (target.scheme in ("http", "https") and bool(target.netloc)
              and uri.isascii() and uri.isprintable() and " " not in uri)
    return uri == OUT_OF_BAND or (is_web and not target.fragment)


def _token(call: Call, issuer: Issuer) -> Reply:
    body = _api_body(call, issuer)
    grant_type, redirect_uri = body.get("grant_type"), body.get("redirect_uri")
    if grant_type == "authorization_code":
        return _issued(issuer.exchange_code(body.get("code"), redirect_uri,
                                            body.get("code_verifier")))
    if grant_type == "refresh_token":
        return _issued(issuer.refresh(body.get("refresh_token"), redirect_uri))
    raise Refused(400, "unsupported_grant_type", "grant_type is not supported")


def _revoke(call: Call, issuer: Issuer) -> Reply:
    issuer.revoke(_api_body(call, issuer).get("token"))
    return _json(200, {})


def _device_code(call: Call, issuer: Issuer) -> Reply:
    _api_body(call, issuer)
    device = issuer.issue_device()
    return _json(200, {"device_code": device.device_code, "user_code": device.user_code,
                       "verification_url": f"{call.url}/activate",
                       "expires_in": DEVICE_LIFETIME, "interval": issuer.interval})


def _device_token(call: Call, issuer: Issuer) -> Reply:
    return _issued(issuer.poll_device(_api_body(call, issuer).get("code")))


def _of_the_user(data: object, call: Call, issuer: Issuer) -> Reply:
    _check_bearer(call, issuer)
    return _json(200, data)


def pin_address(url: str, issuer: Issuer) -> str:
    """The sandbox's page that gives a PIN."""
    return f"{url}/oauth/authorize?" + urlencode({
        "response_type": "code", "client_id": issuer.client_id, "redirect_uri": OUT_OF_BAND})


def _index_page(call: Call, issuer: Issuer) -> Reply:
    return _html(200, pages.index(pin_address(call.url, issuer)))


def _authorize_page(call: Call, issuer: Issuer) -> Reply:
    given = call.form()
    parameters = {name: given[name] for name in _AUTHORIZE_PARAMETERS if name in given}
    try:
        check_authorization_request(parameters, issuer)
    except Refused as refused:
        # Shown, not redirected: the address to redirect to is what cannot be trusted.
        return _html(refused.status, pages.message("This does not work", refused.description))
    if call.method == "GET":
        return _html(200, pages.consent(parameters))
    result = sign_in(parameters, issuer, allow=given.get("decision") == "allow")
    if parameters["redirect_uri"] != OUT_OF_BAND:
        return Reply(302, headers={"Location": result})
    if result:
        return _html(200, pages.pin(result))
    return _html(200, pages.message("Denied", "The app was given no access."))


def _activate_page(call: Call, issuer: Issuer) -> Reply:
    given = call.form()
    user_code = given.get("user_code", "")
    if call.method == "GET":
        return _html(200, pages.activate(user_code or call.path[len("/activate/"):]))
    allow = given.get("decision") == "allow"
    if not issuer.decide_device(user_code, allow=allow):
        return _html(404, pages.activate(
            problem="No device waits with this code: it is wrong, used, or has expired."))
    done = "The device is signed in." if allow else "The device was given no access."
    return _html(200, pages.message("Done", done))


def _api_body(call: Call, issuer: Issuer) -> dict[str, object]:
    """The JSON body of a call by an app, after the checks that they all go through."""
    _check_headers(call)
    body = call.json()
    if body is None:
        raise Refused(400, "invalid_request", "client_id is required")
    issuer.check_client(body.get("client_id"), body.get("client_secret"))
    if call.headers.get("trakt-api-key") != body["client_id"]:
        raise Refused(403, "invalid_request", "trakt-api-key is not the client_id")
    return body


def _check_headers(call: Call) -> None:
    if _LIBRARY_USER_AGENT.match(call.headers.get("user-agent", "")):
        raise Refused(403, description="Error 1010: your client is blocked.")
    if call.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise Refused(412)
    if call.headers.get("trakt-api-version", "2") != "2":  # Hosts that leave it out are served.
        raise Refused(400, "invalid_request", "trakt-api-version must be 2")


def _check_bearer(call: Call, issuer: Issuer) -> None:
    _check_headers(call)
    if call.headers.get("trakt-api-key") != issuer.client_id:
        raise Refused(403)
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not issuer.honours_access(token.strip()):
        raise Refused(401)


def _issued(pair: Pair) -> Reply:
    return replace(_json(200, pair.response()), issued=True)


def _refusal(refused: Refused) -> Reply:
    if refused.error:
        answer = _json(refused.status, {"error": refused.error,
                                        "error_description": refused.description})
        return replace(answer, reuse=refused.reuse)
    if refused.description:  # The network's edge answers with a page.
        return _html(refused.status, pages.message("Access denied", refused.description))
    return Reply(refused.status, reuse=refused.reuse)


def _json(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode("ascii"),
                 {"Content-Type": "application/json", "Cache-Control": "no-store"})


def _html(status: int, page: str) -> Reply:
    return Reply(status, page.encode("utf-8"),
                 {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store",
                  "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
                  "Referrer-Policy": "no-referrer"})


_ENDPOINTS: dict[tuple[str, str], Callable[[Call, Issuer], Reply]] = {
    ("POST", "/oauth/token"): _token,
    ("POST", "/oauth/revoke"): _revoke,
    ("POST", "/oauth/device/code"): _device_code,
    ("POST", "/oauth/device/token"): _device_token,
    ("GET", "/"): _index_page,
    ("GET", "/oauth/authorize"): _authorize_page,
    ("POST", "/oauth/authorize"): _authorize_page,
    ("GET", "/activate"): _activate_page,
    ("POST", "/activate"): _activate_page,
    ("GET", "/users/settings"): partial(_of_the_user, SETTINGS),
    ("GET", "/sync/watchlist"): partial(_of_the_user, WATCHLIST),
}
