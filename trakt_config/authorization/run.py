"""One run on one config: what it was asked to do, and the config as it read it at one moment."""
from __future__ import annotations

import enum
import functools
import logging
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Callable, TypeVar, Union, cast

from trakt_config import document, storage
from trakt_config.authorization import shield
from trakt_config.authorization.freshness import Assessment, Freshness, assess
from trakt_config.document import Document, Settings
from trakt_config.errors import (
    ConfigError,
    HostError,
    SaveError,
    TraktConfigError,
    os_reason,
    pass_on_hosts,
    printable,
    with_path,
)
from trakt_config.startup import LazyModule, Record, hidden
from trakt_config.tokens import LONGEST_LIFETIME, Authorization, Secret

if TYPE_CHECKING:
    import requests
else:
    requests = LazyModule("requests")

logger = logging.getLogger("trakt_config")
logger.addHandler(logging.NullHandler())

ConfigPath = Union[str, os.PathLike[str]]

Work = TypeVar("Work", bound=Callable[..., Any])


class Outcome(enum.Enum):
    """How a run ended that did not fail."""

    FRESH = "fresh"          #: nothing had to be done
    REFRESHED = "refreshed"  #: the refresh token was spent for a new pair
    EXCHANGED = "exchanged"  #: the pin was spent for a new pair
    ADOPTED = "adopted"      #: another run's new pair is in the config
    KEPT = "kept"            #: a new pair could not be had; the old one is still good


class Result(Record):
    """The outcome and the authorization that the config holds now."""

    outcome: Outcome
    authorization: Authorization


#: What a caller gets who says nothing else.
MIN_VALIDITY = timedelta(minutes=10)
LOCK_TIMEOUT = timedelta(minutes=2)

#: Longer than any token lives.
LONGEST_VALIDITY = timedelta(seconds=LONGEST_LIFETIME)


def environment(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    """What a caller gave, or the process's. (As a default, that would stand in ``help()``.)"""
    return os.environ if environ is None else environ


class Options(Record):
    """What a caller may ask; :func:`trakt_config.authorize` describes each."""

    min_validity: timedelta = MIN_VALIDITY
    force: bool = False
    lock_timeout: timedelta = LOCK_TIMEOUT
    session: requests.Session | None = None
    clock: Callable[[], float] = time.time
    environ: Mapping[str, str] = hidden(default=os.environ)
    #: Between two requests; a test need not wait.
    sleep: Callable[[float], None] = time.sleep
    #: ``force_refresh`` in the config is for `authorize`, not for those who only need a token.
    ignore_force_refresh: bool = False
    #: An access token that Trakt did not accept: where the config holds it, it has to be refreshed.
    refused: Secret | None = hidden(default=None)

    def __post_init__(self) -> None:
        for name, is_right, kind in (
                ("min_validity", isinstance(self.min_validity, timedelta), "a timedelta"),
                ("lock_timeout", isinstance(self.lock_timeout, timedelta), "a timedelta"),
                ("force", isinstance(self.force, bool), "True or False"),
                ("session", self.session is None or _is_session(self.session),
                 "a session of requests"),
                ("clock", callable(self.clock), "a function"),
                ("sleep", callable(self.sleep), "a function"),
                ("environ", isinstance(self.environ, Mapping), "a mapping")):
            if not is_right:
                given = getattr(self, name)
                found = f"the class {given.__name__}: call it" if isinstance(given, type) \
                    else type(given).__name__
                raise TypeError(f"{name} has to be {kind}, not {found}")
        if self.clock is not time.time or self.sleep is not time.sleep:
            from trakt_config.authorization import callbacks
            callbacks.refuse_async("clock", self.clock)
            callbacks.refuse_async("sleep", self.sleep)
        if self.environ is not os.environ and not all(
                isinstance(text, str) for item in self.environ.items() for text in item):
            raise TypeError("environ has to be a mapping of str to str")
        for name in ("min_validity", "lock_timeout"):
            if getattr(self, name) < timedelta(0):
                raise ValueError(f"{name} is negative")
        if self.min_validity > LONGEST_VALIDITY:
            raise ValueError(f"min_validity is longer than {LONGEST_VALIDITY.days} days")

    @property
    def now(self) -> Callable[[], float]:
        """The clock; what one of the host's raises is a HostError."""
        if self.clock is time.time:
            return time.time
        from trakt_config.authorization import callbacks
        return callbacks.clock_of("clock", self.clock)

    @property
    def pause(self) -> Callable[[float], None]:
        """The sleep; what one of the host's raises is a HostError."""
        if self.sleep is time.sleep:
            return time.sleep
        from trakt_config.authorization import callbacks
        return callbacks.checked("sleep", self.sleep)


def _is_session(given: object) -> bool:
    """Whether it can send, and is not the class of one that can."""
    return not isinstance(given, type) and callable(getattr(given, "send", None))


class Snapshot(Record):
    """The config at one moment: its bytes, what they say, and what that calls for."""

    document: Document
    settings: Settings
    assessment: Assessment

    @property
    def access_token(self) -> Secret | None:
        """What stands in the place of the access token, whether or not it can be one."""
        return self.document.token("access_token")

    @property
    def can_be_kept(self) -> bool:
        """Whether the authorization is good enough for this run as it is."""
        return self.assessment.freshness is not Freshness.MANDATORY

    @property
    def is_valid(self) -> bool:
        """Whether the access token is valid now, for however short a time."""
        return self.assessment.seconds_left > 0

    @property
    def is_fresh(self) -> bool:
        """Whether nothing has to be asked of Trakt."""
        return self.assessment.freshness is Freshness.FRESH and self.settings.pin is None


class Run(Record):
    """One run on one config. `name` is the config as the caller named it, `path` the real file."""

    name: str
    path: str
    options: Options

    @classmethod
    def on(cls, config_path: ConfigPath, options: Options) -> Run:
        """The run on this config.

        :raises ConfigError: there is no such regular file.
        """
        name = text_of(config_path)
        try:
            return cls(name, storage.resolve(config_path), options)
        except ConfigError as error:
            error.hint = left_without_config(name, options.environ) or error.hint
            raise

    def warn(self, text: str) -> None:
        """Tell whoever listens, with the name of the config."""
        logger.warning("%s: %s", printable(self.name), with_path(text, self.name))

    def warn_of_settings(self, snapshot: Snapshot) -> None:
        """Tell of what a person typed into the config and what does nothing."""
        for warning in snapshot.settings.warnings:
            logger.warning("%s", self.located(warning.line, warning.column, warning.message))

    def located(self, line: int, column: int, text: str) -> str:
        """A sentence about a place in the config, as editors and compilers have it."""
        return f"{printable(self.name)}:{line}:{column}: {text}"

    def explain(self, text: str) -> None:
        """Say what was decided, for whoever wants to know."""
        logger.debug("%s: %s", printable(self.name), text)

    def read(self, earlier: Snapshot | None = None, held: storage.Held | None = None) -> Snapshot:
        """Read the config; bytes that `earlier` holds already are not parsed again.

        :param held: its lock, where it is held: whatever its name leads to by now, what is read is
            in the folder where it is written.
        :raises ConfigError: it cannot be read or used.
        """
        data = storage.read(held.path if held else self.path)
        known = earlier is not None and earlier.document.data == data
        parsed = earlier.document if earlier and known else document.parse(data)
        return self.snapshot(parsed)

    def snapshot(self, parsed: Document) -> Snapshot:
        """What a parsed config calls for now.

        :raises ConfigError: it cannot be used.
        """
        options = self.options
        settings = document.read_settings(parsed, options.environ)
        refused = options.refused is not None and settings.authorization is not None \
            and options.refused == Secret(settings.authorization.access_token)
        return Snapshot(parsed, settings, assess(
            settings.authorization, now=options.now(),
            min_validity=options.min_validity.total_seconds(), force=options.force or refused,
            prefer_refresh=settings.force_refresh and not options.ignore_force_refresh))

    def is_long_enough(self, snapshot: Snapshot) -> bool:
        """Whether the access token is valid for as long as was asked."""
        return snapshot.assessment.seconds_left >= self.options.min_validity.total_seconds()

    def issued_in_future(self, authorization: Authorization) -> str:
        """That one of the two clocks is wrong, and by how much."""
        ahead = in_units(max(1.0, authorization.created_at - self.options.now()))
        return (f"the authorization was issued {ahead} in the future: check the clock of this "
                "machine")

    def result(self, outcome: Outcome, snapshot: Snapshot) -> Result:
        """The result of a run that leaves the config as `snapshot` has it, with one warning where
        the clocks disagree.
        """
        authorization = snapshot.settings.authorization
        assert authorization is not None
        if snapshot.assessment.issued_in_future:
            self.warn(self.issued_in_future(authorization))
        return Result(outcome, authorization)

    def hold(self) -> AbstractContextManager[storage.Held]:
        """Lock the config (see :func:`storage.hold`)."""
        return storage.hold(self.path, timeout=self.options.lock_timeout.total_seconds(),
                            environ=self.options.environ, warn=self.warn,
                            complete=shield.complete)


def left_without_config(config: str, environ: Mapping[str, str]) -> str:
    """What to do where a config is gone and its journal is not, which may hold tokens; else empty.
    """
    journal = storage.left_without_config(config, environ)
    return (f"What an earlier run left, new tokens perhaps, is in {printable(journal)}: give the "
            "config its name back, or make one anew with its client_id and client_secret; then run "
            "authorize.") if journal else ""


def text_of(config_path: ConfigPath) -> str:
    """The path as text.

    :raises TypeError: it is none, bytes included.
    """
    text = os.fspath(config_path) if isinstance(config_path, os.PathLike) else config_path
    if not isinstance(text, str):
        raise TypeError("the path of a config has to be a str or an os.PathLike of one, not "
                        f"{type(text).__name__}")
    return text


def name_of(config_path: ConfigPath) -> str:
    """The config as the caller named it, on one line."""
    return printable(text_of(config_path))


def reports_errors(work: Work) -> Work:
    """Decorate work on a config, whose path is its first argument.

    Its errors get the config's name, those of the system become ours, and all of them lose the
    frames on their way here, in which an error reporter would find the tokens. What the host's own
    functions and signal handlers raise comes out as it is.
    """
    @functools.wraps(work)
    def reporting(config_path: ConfigPath, *arguments: Any, **named: Any) -> Any:
        raised: Exception
        name = text_of(config_path)
        try:
            return work(config_path, *arguments, **named)
        except HostError as carried:
            raised = carried.error
        except TraktConfigError as error:
            raised = error.alone()
        except OSError as error:
            pass_on_hosts(error)
            raised = SaveError(f"the system failed: {os_reason(error)}",
                               hint="Fix this and run again.")
        if isinstance(raised, TraktConfigError) and raised.path is None:
            raised.path = name  # The empty path of another config is one, too.
        try:
            raise raised
        finally:
            del raised  # It knows this frame.

    return cast(Work, reporting)


def in_units(seconds: float) -> str:
    """With a decimal, since two spans that are nearly alike are compared."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"
