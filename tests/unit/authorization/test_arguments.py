"""A wrong argument is a TypeError or a ValueError at once, with nothing read and nothing sent."""
from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest

import trakt_config
from trakt_config.cli import output

SPANS = [(600, TypeError), (None, TypeError), ("6h", TypeError),
         (timedelta(seconds=-1), ValueError), (timedelta.min, ValueError)]


@pytest.mark.parametrize("value, kind", SPANS, ids=str)
@pytest.mark.parametrize("function, name", [
    (trakt_config.authorize, "min_validity"), (trakt_config.authorize, "lock_timeout"),
    (trakt_config.TraktAuth, "min_validity"), (trakt_config.TraktAuth, "lock_timeout"),
    (trakt_config.login, "lock_timeout")])
def test_a_span_of_time(function: Callable[..., Any], name: str, value: Any,
                        kind: type[Exception]) -> None:
    with pytest.raises(kind, match=name):
        function("no such file", **{name: value})


@pytest.mark.parametrize("value", [timedelta.max, timedelta(days=3651)], ids=str)
@pytest.mark.parametrize("function", [trakt_config.authorize, trakt_config.TraktAuth])
def test_no_token_is_valid_for_so_long(function: Callable[..., Any], value: timedelta) -> None:
    with pytest.raises(ValueError, match="min_validity"):
        function("no such file", min_validity=value)


@pytest.mark.parametrize("function, name, value", [
    (trakt_config.authorize, "force", "no"), (trakt_config.authorize, "session", "x"),
    (trakt_config.authorize, "clock", 3), (trakt_config.authorize, "environ", "x"),
    (trakt_config.login, "dialog", print), (trakt_config.login, "environ", ["x"]),
    (trakt_config.TraktAuth, "environ", 1)])
def test_an_argument_of_another_kind(function: Callable[..., Any], name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name} has to be"):
        function("no such file", **{name: value})


def test_a_method() -> None:
    with pytest.raises(ValueError, match="device, browser, pin"):
        trakt_config.login("no such file", method="fax")  # type: ignore[arg-type]


def test_no_environment_in_help() -> None:
    import pydoc
    for function in (trakt_config.authorize, trakt_config.login, trakt_config.TraktAuth):
        text = pydoc.plain(pydoc.render_doc(function))
        assert "environ(" not in text and " at 0x" not in text


def test_a_time_zone_that_no_clock_can_show(monkeypatch: pytest.MonkeyPatch,
                                            environ: Mapping[str, str]) -> None:
    """TZ may say a week; then it is UTC."""
    import time
    from datetime import datetime, timezone
    monkeypatch.setenv("TZ", "XXX-167:00")
    time.tzset()
    try:
        moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
        assert output.local_time(moment) == "2026-01-01 00:00 UTC"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("path", [b"config.yml", None, 3, os.fsencode])
@pytest.mark.parametrize("work", [trakt_config.authorize, trakt_config.login,
                                  trakt_config.TraktAuth], ids=lambda work: work.__name__)
def test_a_path_is_text(work: Any, path: Any, tmp_path: Path) -> None:
    existing = tmp_path / "config.yml"
    existing.write_text("trakt:\n  client_id: a\n  authorization:\n    refresh_token: b\n")
    with pytest.raises(TypeError, match="^the path of a config has to be a str"):
        work(path(existing) if callable(path) else path)
