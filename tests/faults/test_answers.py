"""Whatever Trakt, or what stands before it, answers: the whole program stays honest.

Tokens reach the YAML exactly or not at all; nothing crashes, hangs, or is shown that should not.
"""
from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from tests.support import scenes
from tests.support.ages import STILL_FRESH, WORTH_REFRESHING
from tests.support.injection import command, forked
from tests.support.scenes import WEEK, Scene
from trakt_config.authorization.advice import MIGRATION
from trakt_config.sandbox import Answer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def made(trakt: Any, tmp_path: Path) -> Scene:
    """A config with an authorization that has ended."""
    return scenes.scene(trakt, tmp_path)


def body(**changes: Any) -> bytes:
    """A good answer with changes; None takes a field away."""
    fields = {"access_token": "the-new-access-token", "token_type": "bearer", "expires_in": WEEK,
              "refresh_token": "the-new-refresh-token", "scope": "public",
              "created_at": int(time.time()), **changes}
    return json.dumps({key: value for key, value in fields.items()
                       if value is not None}).encode()


def read_by_all(config: Path) -> dict[str, Any]:
    """The authorization as two readers have it, one of YAML 1.1 and one of 1.2."""
    one = yaml.safe_load(config.read_bytes())["trakt"]["authorization"]
    two = YAML(typ="safe", pure=True).load(config)["trakt"]["authorization"]
    assert one == dict(two)
    return dict(one)


# Tokens that YAML could take for something else


TOKENS = [
    "a", "null", "Null", "~", "true", "yes", "on", "y", "n", "No", "=", "<<", "-", "- a", "? a",
    "a: b", "a:", ":a", "a #b", "#a", "{a}", "[a]", "a,b", "&a", "*a", "!a", "!!str a", "|", ">",
    "%a", "@a", "`a", "'a'", '"a"', "a'b", 'a"b', "a\\b", "\\n", "1", "0", "007", "1e5", "12e03",
    "1.5e5_0", "1_000", "0x1f", "0o17", "0b1", "1:30", "12:30:45", ".inf", "-.INF", ".nan", ".5",
    "5.", "+1", "2026-11-20", "2026-11-20 10:00:00", "2026-11-20T10:00:00Z", "---", "...",
    "--- a", "deadbeef1e4", "1234567e8", "<<name>>", "${NAME}", "{{ a }}", "x" * 4000, "%41",
    "a" * 80 + " " + "b" * 80, "eyJhbGciOi.J9-_~+/=",
]


@pytest.mark.sampled(9)
@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:20])
def test_a_token_is_the_same_to_every_reader(token: str, made: Scene) -> None:
    """And to the next run, which sends it on."""
    refresh = token + "x"
    made.trakt.answer(Answer(200, body(access_token=token, refresh_token=refresh,
                                       created_at=int(time.time()) - 2 * WEEK)))
    made.trakt.answer(Answer(503), times=2)
    assert made.authorize().status == 0
    found = read_by_all(made.config)
    assert (found["access_token"], found["refresh_token"]) == (token, refresh)
    assert list(scenes.damage(made)) == []
    again = made.authorize()
    if token in ("<<name>>", "${NAME}"):  # To a person, these would be placeholders.
        assert again.status == 2
    else:
        assert [sent["refresh_token"] for sent in made.trakt.bodies()[1:]] == [refresh] * 2


@pytest.mark.parametrize("token", [
    "", " ", "a\nb", "a\r\nb: c", "\n", "a\tb", " a", "a ", "a\0b", "a\x1b[31m", "caf\u00e9",
    "a\u2028b", "a\ufeff", "\ud800", 1, 1.5, True, None, [], ["a"], {}, {"a": "b"},
], ids=repr)
@pytest.mark.parametrize("field", ["access_token", "refresh_token"])
def test_what_is_no_token_never_reaches_the_file(field: str, token: Any, made: Scene) -> None:
    """Without a usable refresh token the old one stays, as RFC 6749 says (section 6)."""
    made.trakt.answer(Answer(200, body(**{field: token})), times=2)
    ended = made.authorize()
    assert "Traceback" not in ended.err
    found = read_by_all(made.config)
    if field == "refresh_token":
        assert ended.status == 0 and found["access_token"] == "the-new-access-token"
        assert found["refresh_token"] in made.before.decode()
    else:
        assert ended.status == 4 and made.config.read_bytes() == made.before
        assert "the-new-refresh-token" in b"".join(made.files().values()).decode("latin-1")
        assert made.trakt.asked() == 1  # What was spent for it is not sent again.


def test_an_answer_with_a_refresh_token_alone_is_not_lost(made: Scene) -> None:
    """The next run spends that one."""
    token = made.trakt.issue_authorization()["refresh_token"]
    made.trakt.answer(Answer(200, body(access_token=None, refresh_token=token)))
    assert made.authorize().status == 4
    healed = made.authorize()
    assert healed.status == 0 and made.trakt.bodies()[-1]["refresh_token"] == token
    assert made.trakt.honours_refresh(read_by_all(made.config)["refresh_token"])
    assert made.left_overs() == []


NUMBERS: list[Any] = [
    None, 0, -1, 1.5, 604800.0, "604800", " 604800 ", "", "a", True, 10 ** 30, -10 ** 30, 1e308,
    [], {}, "1e5", "\u0661\u0662", 4102444800,
]


@pytest.mark.parametrize("value", NUMBERS, ids=repr)
@pytest.mark.parametrize("field", ["expires_in", "created_at"])
def test_a_number_is_a_whole_number_in_the_file(field: str, value: Any, made: Scene) -> None:
    """Junk becomes the time of the answer, and the shortest lifetime that Trakt has used."""
    made.trakt.answer(Answer(200, body(**{field: value})))
    assert made.authorize().status == 0
    found = read_by_all(made.config)
    assert type(found[field]) is int and found[field] > 0
    assert found["refresh_token"] == "the-new-refresh-token"
    is_too_old = found["created_at"] < MIGRATION  # Such tokens cannot be refreshed.
    assert made.authorize("--dry-run").status == (3 if is_too_old else 0)


@pytest.mark.parametrize("value", ["a\nb", "x: y", 1, None, [], "public write", "null", ""],
                         ids=repr)
@pytest.mark.parametrize("field", ["token_type", "scope"])
def test_a_word_is_a_word_in_the_file(field: str, value: Any, made: Scene) -> None:
    made.trakt.answer(Answer(200, body(**{field: value})))
    assert made.authorize().status == 0
    assert isinstance(read_by_all(made.config)[field], str)
    assert list(scenes.damage(made)) == []


def test_fields_that_nobody_knows_stay_out(made: Scene) -> None:
    made.trakt.answer(Answer(200, body(id_token="x", created={"at": 1})))
    assert made.authorize().status == 0
    assert "id_token" not in made.config.read_text()


# Answers that are none


HUGE = b'{"access_token": "' + b"x" * (3 << 20) + b'"}'
DEEP = b"[" * 200000

USELESS = {
    "empty": Answer(200, b""),
    "not JSON": Answer(200, b"access_token=a&refresh_token=b"),
    "half of JSON": Answer(200, body()[:-20]),
    "not UTF-8": Answer(200, b'{"access_token": "\xff\xfe"}'),
    "UTF-16": Answer(200, b"\xff\xfe" + "{}".encode("utf-16-le")),
    "a list": Answer(200, b"[]"), "a string": Answer(200, b'"access_token"'),
    "null": Answer(200, b"null"), "a number": Answer(200, b"1" * 5000), "NaN": Answer(200, b"NaN"),
    "deep": Answer(200, DEEP), "huge": Answer(200, HUGE),
    "a web page": Answer(200, b"<!doctype html><p>sign in</p>"),
    "204": Answer(204, b""), "201 with a page": Answer(201, b"<html>"),
    "said to be gzip": Answer(200, b"no", headers={"Content-Encoding": "gzip"}),
    "too short": Answer(200, body(), content_length=5),
    "cut": Answer(process=False, status=200, body=body(), cut="body"),
    "redirect": Answer(302, b"", headers={"Location": "http://127.0.0.1:9/"}),
    "redirect to itself": Answer(307, b"", headers={"Location": "/oauth/token"}),
    "redirect without end": Answer(308, b"x" * (1 << 20), headers={"Location": "/a"}),
    "300": Answer(300), "304": Answer(304), "400 without words": Answer(400, b"{}"),
    "400 with junk": Answer(400, b'{"error": ["invalid_grant"], "error_description": {}}'),
    "500": Answer(500, b"\x1b[2J\x00\r\n"), "520": Answer(520), "599": Answer(599),
    "503, wait junk": Answer(503, headers={"Retry-After": "-1e9999, soon"}),
    "503, wait for ever": Answer(503, headers={"Retry-After": "9" * 400}),
}


@pytest.mark.parametrize("answer", USELESS.values(), ids=USELESS.keys())
def test_an_answer_of_no_use_changes_nothing(answer: Answer, made: Scene) -> None:
    made.trakt.answer(answer, times=2)
    begun = time.monotonic()
    ended = made.authorize()
    assert time.monotonic() - begun < 10
    assert ended.status in (3, 4) and made.trakt.asked() <= 2, str(ended)
    assert "Traceback" not in ended.err and "\x1b" not in ended.err and "\0" not in ended.err
    assert len(ended.err.splitlines()) == 2 and len(ended.err) < 1000
    assert made.config.read_bytes() == made.before
    assert made.left_overs() == []
    assert made.authorize().status == 0  # The refresh token is as good as it was.


def test_a_redirect_is_not_followed(made: Scene) -> None:
    """requests would send the body, secrets and all, to the new place."""
    made.trakt.answer(Answer(307, headers={"Location": made.trakt.address() + "/elsewhere"}),
                      times=2)
    made.authorize()
    assert made.trakt.paths() == ["/oauth/token"] * made.trakt.asked()


GOOD = {
    "gzip": Answer(process=True, gzip=True),
    "dripping headers": Answer(process=True, drip_headers=0.002),
    "dripping body": Answer(process=True, drip_body=0.002),
    "padded": Answer(process=True, padding=100000),
    "slow": Answer(process=True, wait_after=0.5),
    "201": Answer(201, process=True),
    "text": Answer(process=True, headers={"Content-Type": "text/plain"}),
}


@pytest.mark.parametrize("answer", GOOD.values(), ids=GOOD.keys())
def test_a_good_answer_in_an_odd_shape_is_saved(answer: Answer, made: Scene) -> None:
    made.trakt.answer(answer)
    assert made.authorize().status == 0
    assert made.trakt.honours_refresh(read_by_all(made.config)["refresh_token"])
    assert (made.trakt.asked(), made.left_overs()) == (1, [])


@pytest.mark.parametrize("answer", [
    Answer(process=True, drip_body=0.05), Answer(process=True, drip_headers=0.05),
    Answer(process=True, wait_after=30)], ids=["body", "headers", "nothing"])
def test_an_answer_that_never_ends_is_given_up(answer: Answer, made: Scene) -> None:
    """After 40 s in truth; here the limit is shorter."""
    made.trakt.answer(answer)

    def work() -> Any:
        from trakt_config.oauth import limits
        limits.REQUEST_TIMEOUT = 0.7
        return command("authorize", made.config)()

    begun = time.monotonic()
    ended = forked(work, environ=made.environ)
    assert time.monotonic() - begun < 4
    assert ended.status == 3 and "answer" in ended.err, str(ended)  # Spent, and so refused.


# Clocks


DAY = 86400
CLOCKS = [
    # created_at before now, lifetime, the machine's clock is off by: outcome, requests, warnings
    (0, WEEK, 0, "fresh", 0, 0), (0, DAY, 0, "fresh", 0, 0),
    (0, WEEK, 600, "fresh", 0, 0), (0, WEEK, -600, "fresh", 0, 1),
    (0, DAY, 600, "fresh", 0, 0), (0, DAY, -600, "fresh", 0, 1),
    (0, WEEK, 365 * DAY, "refreshed", 1, 1), (0, WEEK, -365 * DAY, "refreshed", 1, 1),
    (DAY - 300, DAY, 0, "refreshed", 1, 0), (DAY - 300, DAY, -600, "refreshed", 1, 0),
    (STILL_FRESH * WEEK, WEEK, 0, "fresh", 0, 0), (STILL_FRESH * DAY, DAY, 0, "fresh", 0, 0),
    (WORTH_REFRESHING * WEEK, WEEK, 0, "refreshed", 1, 0),
    (WORTH_REFRESHING * DAY, DAY, 0, "refreshed", 1, 0), (WEEK, WEEK, 0, "refreshed", 1, 0),
]


@pytest.mark.parametrize("age, lifetime, off, outcome, requests, warnings", CLOCKS)
def test_a_clock_that_is_off(age: float, lifetime: int, off: float, outcome: str, requests: int,
                             warnings: int, trakt: Any, tmp_path: Path) -> None:
    """Trakt's clock is right; the machine's is ahead by so many seconds."""
    made = scenes.scene(trakt, tmp_path)
    text = made.before.decode()
    values = scenes.values(made)
    for key, value in (("created_at", int(time.time() - age)), ("expires_in", lifetime)):
        text = text.replace(f"    {key}: {values[key]}\n", f"    {key}: {value}\n")
    made.config.write_text(text)

    def work() -> Any:
        from trakt_config.authorization import authorize
        from trakt_config.authorization.run import Options
        said: list[str] = []
        handler = logging.Handler()
        vars(handler)["emit"] = lambda record: said.append(record.getMessage())
        logging.getLogger("trakt_config").addHandler(handler)
        result = authorize.ensure_authorized(made.config, Options(clock=lambda: time.time() + off))
        return result.outcome.value, [line for line in said if "clock" in line]

    ended = forked(work, environ=made.environ)
    assert ended.result is not None, str(ended)
    assert (ended.result[0], len(ended.result[1])) == (outcome, warnings)
    assert trakt.asked() == requests


@pytest.mark.parametrize("created_at, requests", [
    ("", 1), ("0", 1), ("-1", 1), ("soon", 1), ("1e9", 1), ("'{now}'", 0), ("{now}", 0),
    ("{future}", 1), ("99999999999999", 1), ("[1]", 1)])
def test_a_created_at_of_any_kind(created_at: str, requests: int, made: Scene) -> None:
    now = int(time.time())
    old = scenes.values(made)["created_at"]
    value = created_at.format(now=now, future=now + WEEK)
    made.config.write_text(made.before.decode().replace(f"created_at: {old}",
                                                        f"created_at: {value}"))
    assert made.authorize().status == 0
    assert made.trakt.asked() == requests
