"""Trakt's headers for an application's own requests: ``session.auth = TraktAuth("config.yml")``."""
from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.freshness import Assessment, Freshness, assess
from trakt_config.authorization.run import (
    LOCK_TIMEOUT,
    MIN_VALIDITY,
    ConfigPath,
    Options,
    Run,
    environment,
    logger,
    name_of,
    reports_errors,
    text_of,
)
from trakt_config.document import Settings
from trakt_config.errors import (
    AccountProblem,
    ClientRejected,
    HostError,
    LockTimeout,
    LoginRequired,
    TraktConfigError,
    pass_on_hosts,
    printable,
)
from trakt_config.startup import LazyModule, Record, fields_of, replace
from trakt_config.tokens import Authorization, Secret

if TYPE_CHECKING:
    import requests
else:
    requests = LazyModule("requests")

#: Seconds before a refresh that was not possible, and that can wait, is tried again.
RETRY_INTERVAL = 300.0

_DEFAULT_PORTS = {"https": 443, "http": 80}

Stamp = tuple[int, ...]


class _Known(Record):
    """What the config held, and how the file looked then; `until` it is not asked again."""

    authorization: Authorization
    client_id: str
    stamp: Stamp | None
    until: float

    @property
    def access_token(self) -> Secret:
        return Secret(self.authorization.access_token)


class TraktAuth:
    """Signs requests to Trakt's API with the authorization in a config; for requests' ``auth``.

    Before each request the authorization is looked at: it is refreshed when it is due, by
    :func:`trakt_config.authorize` (``force_refresh`` in the config does not count), and read again
    when the file has changed. Headers: ``Authorization``, ``trakt-api-version``,
    ``trakt-api-key``; ``User-Agent`` in the place of requests' own, which Trakt turns away, and
    ``Content-Type: application/json``, which Trakt wants on every call, where there is none.

    They go to the API's scheme, host and port alone, as ``TRAKT_CONFIG_API_URL`` in `environ` has
    them when this is made; a redirect to anywhere else loses them. A request to anywhere else is
    not signed, which the log says (``trakt_config``, DEBUG).

    When Trakt answers 401 the authorization is refreshed, once for an access token, unless another
    run has done it; then GET, HEAD, OPTIONS, PUT and DELETE are sent again (RFC 9110, section
    9.2.2), if the body is in memory. Others, such as POST, are not: their 401 is the answer, and
    the next request has the new token. A 401 to the repeated request is the answer as well: it is
    about something else, such as a private profile. Where the refresh fails for good, the request
    raises why; later ones with the same token get Trakt's 401, and the log says so once (WARNING).

    Safe among threads, and in a forked child at once. A request raises what `authorize` raises,
    where it cannot be signed. A copy (``copy``, ``pickle``) holds no token and reads the config
    itself; it can be made where `session`, `clock` and `environ` can be copied.

    :param config_path: a YAML file with a ``trakt`` mapping. Where the process goes to another
        folder, a relative path goes on leading to the same file; errors have it as absolute.
    :param min_validity: how long the access token has to be valid when a request is sent.
    :param lock_timeout: how long to wait, in all, for other threads and runs; ``timedelta.max``
        for as long as it takes.
    :param session: refresh with this session of requests (its proxies, its certificates).
    :param clock: seconds since 1970.
    :param environ: as for :func:`trakt_config.authorize`.
    :raises ConfigError: an endpoint in `environ` is not usable.
    :raises TypeError, ValueError: an argument is of another type, or a negative time.
    """

    def __init__(self, config_path: ConfigPath, *,
                 min_validity: timedelta = MIN_VALIDITY,
                 lock_timeout: timedelta = LOCK_TIMEOUT,
                 session: requests.Session | None = None,
                 clock: Callable[[], float] = time.time,
                 environ: Mapping[str, str] | None = None) -> None:
        self._config_path = _from_here(text_of(config_path))
        self._options = Options(min_validity=min_validity, lock_timeout=lock_timeout,
                                session=session, clock=clock,
                                environ=environment(environ),
                                ignore_force_refresh=True)
        self._begin()

    def _begin(self) -> None:
        """With nothing known yet."""
        # Not at the top: importing this needs nothing of HTTP. And now: should a child be forked
        # while another thread imports, the child cannot do so.
        from trakt_config.authorization import policy, signature  # noqa: F401
        from trakt_config.oauth import Endpoints
        self._api = _origin(Endpoints.from_environ(self._options.environ).api)
        self._lock = threading.Lock()
        _all.add(self)
        self._known: _Known | None = None
        #: A refused access token that no further refresh will help.
        self._settled: Secret | None = None
        #: Why not, until the log has it.
        self._unsaid = ""
        #: An access token that replaced one that Trakt refused for a request that was not
        #: repeated: should it be refused for such a request too, it is not the token's fault.
        self._unproved: Secret | None = None

    def __repr__(self) -> str:
        return f"TraktAuth({name_of(self._config_path)!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Without tokens, which belong in the config alone."""
        options = fields_of(self._options)
        if options["environ"] is os.environ:
            del options["environ"]  # A copy has the environment of its own process.
        return {"config_path": self._config_path, "options": options}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self._config_path = state["config_path"]
        self._options = Options(**state["options"])
        self._begin()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._is_api(request.url or ""):
            from trakt_config.authorization import signature
            known = self._current()
            signature.sign(request, access_token=known.access_token, client_id=known.client_id)
            hooks = request.hooks["response"]
            if self._on_response not in hooks:
                hooks.append(self._on_response)
        else:
            logger.debug("not signed: %s is not the API, %s", _shown(_origin(request.url or "")),
                         _shown(self._api))
        return request

    def _current(self) -> _Known:
        known = self._known
        if known and self._is_good(known):
            return known
        if known and self._lock.locked() \
                and self._assess(known).freshness is not Freshness.MANDATORY:
            return known  # Another thread refreshes ahead of time; what is valid will do.
        with self._alone():
            if not (self._known and self._is_good(self._known)):
                self._known = self._authorize()
            return self._known

    def _is_good(self, known: _Known) -> bool:
        """Whether the config need not be looked into."""
        assessment = self._assess(known)
        waits = assessment.seconds_left > 0 and self._now() < known.until
        fresh = assessment.freshness is Freshness.FRESH
        return (fresh or waits) and known.stamp == self._stamp()

    def _assess(self, known: _Known) -> Assessment:
        return assess(known.authorization, now=self._now(),
                      min_validity=self._options.min_validity.total_seconds())

    def _now(self) -> float:
        try:
            return self._options.now()
        except HostError as carried:
            raised = carried.error
        raise raised

    def _stamp(self) -> Stamp | None:
        """What changes when somebody writes to the config."""
        try:
            status = os.stat(self._config_path)
        except (OSError, ValueError) as error:
            pass_on_hosts(error)
            return None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def _authorize(self, refused: Secret | None = None) -> _Known:
        path, options = self._config_path, replace(self._options, refused=refused)
        result = ensure_authorized(path, options)
        stamp = self._stamp()  # Before the look: what is changed after it is seen next time.
        settings = _read_settings(path, options)
        return _Known(settings.authorization or result.authorization, settings.client.client_id,
                      stamp, self._now() + RETRY_INTERVAL)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread at a time asks Trakt, and the others wait for what it finds."""
        timeout = min(self._options.lock_timeout.total_seconds(), threading.TIMEOUT_MAX)
        lock = self._lock  # A child that is forked meanwhile gets another one.
        if not lock.acquire(timeout=timeout):
            raise LockTimeout(f"another thread has been at work on the config for {timeout:g} s",
                              hint="Try again when it has finished.",
                              path=name_of(self._config_path))
        try:
            yield
        finally:
            lock.release()

    def _on_response(self, response: requests.Response, **settings: Any) -> requests.Response:
        """Called by requests with each answer, those of redirects included."""
        answer = response
        refused = self._refused_token(response)
        if refused:
            answer = self._after_refusal(response, refused, settings)
        if answer.is_redirect:
            target = urljoin(answer.url, answer.headers["location"])
            if not self._is_api(target):
                from trakt_config.authorization import signature

                # requests copies the first request, not the repeated one.
                signature.unsign_next_copy(response.request)
        return answer

    def _refused_token(self, response: requests.Response) -> Secret | None:
        """The access token of ours that Trakt did not accept."""
        request = response.request
        scheme, _, token = str(request.headers.get("Authorization", "")).partition(" ")
        if response.status_code != 401 or scheme != "Bearer" or not self._is_api(request.url or ""):
            return None
        if "html" in response.headers.get("Content-Type", "").lower():
            return None  # Not Trakt's: from a proxy, or from a network that wants a sign-in.
        return Secret(token)

    def _after_refusal(self, response: requests.Response, refused: Secret,
                       settings: Mapping[str, Any]) -> requests.Response:
        from trakt_config.authorization import signature
        is_repeatable = signature.is_repeatable(response.request)
        if refused == self._unproved and not is_repeatable:
            return response
        try:
            known = self._replacement(refused)
        except TraktConfigError:
            response.close()
            raise
        if known is None:
            return response
        if not is_repeatable:
            self._unproved = known.access_token
            return response
        repeated = signature.repeat(response, known.access_token, known.client_id, settings)
        if repeated.status_code == 401:
            self._settled, self._unsaid = known.access_token, ""
        return repeated

    def _replacement(self, refused: Secret) -> _Known | None:
        """What to sign with instead; None where there is nothing else."""
        with self._alone():
            known = self._known
            if known and known.access_token != refused and self._is_good(known):
                return known
            if refused == self._settled:
                self._say_why()
                return None
            try:
                self._known = known = self._authorize(refused)
            except (LoginRequired, ClientRejected, AccountProblem) as error:
                self._settled, self._unsaid = refused, error.message
                raise
            return known if known.access_token != refused else None

    def _say_why(self) -> None:
        """Once: whoever handled the error of the first request may not expect a 401 later."""
        if self._unsaid:
            logger.warning("%s: Trakt refuses the access token, which is not refreshed again (%s): "
                           "requests get a 401 until the config holds another",
                           name_of(self._config_path), self._unsaid)
            self._unsaid = ""

    def _is_api(self, url: str) -> bool:
        origin = _origin(url)
        return origin is not None and origin == self._api


#: A lock that another thread holds at the fork would stay locked in the child.
_all: WeakSet[TraktAuth] = WeakSet()


def _free_all_locks() -> None:
    for auth in _all:
        auth._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_all_locks)


@reports_errors
def _read_settings(config_path: ConfigPath, options: Options) -> Settings:
    return Run.on(config_path, options).read().settings


def _from_here(path: str) -> str:
    """The path, absolute; what is no path stays, for the error that says so."""
    try:  # Not abspath, which would take "link/.." for nothing at all.
        return os.path.join(os.getcwd(), path) if path else path
    except OSError as error:  # The folder was removed.
        pass_on_hosts(error)
        return path


def _shown(origin: tuple[str, str, int] | None) -> str:
    """No more of an address than this: what follows may hold a secret."""
    return printable("{}://{}:{}".format(*origin)) if origin else "an address of doubtful form"


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port (RFC 6454); None for an address that readers may disagree about."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    return (parts.scheme, parts.hostname, port) if plain and parts.hostname else None
