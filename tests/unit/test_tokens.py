"""Secrets that do not print, and authorizations from configs and from answers."""
from __future__ import annotations

import json
import traceback
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trakt_config.document import parse, set_authorization
from trakt_config.tokens import (
    AUTHORIZATION_KEYS,
    LATEST_TIME,
    LONGEST_LIFETIME,
    MASK,
    SHORTEST_KNOWN_LIFETIME,
    Authorization,
    Client,
    Secret,
    UnusableAnswer,
    fingerprint,
    has_refresh_token,
)

#: Each row is a rule of its own, and takes a millisecond or two: all of them, in every run.
pytestmark = pytest.mark.sampled(1)

NOW = 1_790_000_000.9

ANSWER: dict[str, Any] = {
    "access_token": "ACCESS-token-1", "token_type": "Bearer", "expires_in": 604800,
    "refresh_token": "REFRESH-token-1", "scope": "public", "created_at": 1_789_999_990,
}
VALUES = {key: str(value) for key, value in ANSWER.items()}


def answered(*without: str, sent: Secret | None = None, **changes: Any) -> Authorization:
    body = {key: value for key, value in {**ANSWER, **changes}.items() if key not in without}
    return Authorization.from_response(json.dumps(body).encode("utf-8"), received_at=NOW,
                                       refresh_token=sent)


# -- Secret --------------------------------------------------------------------------------------

@pytest.mark.parametrize("shown", [
    str, repr, "{}".format, "{!r}".format, "%s".__mod__, "%r".__mod__, lambda s: f"{s}",
    lambda s: repr([s]), lambda s: repr(Client("id", s)), lambda s: str({"key": s}),
])
def test_a_secret_shows_a_mask_of_fixed_width(shown: Any) -> None:
    """However it gets into a text, and however long it is."""
    for characters in ("", "x", "hunter2-and-much-more" * 5):
        text = shown(Secret(characters))
        assert MASK in text
        assert not characters or "hunter2" not in text


def test_a_secret_has_no_attributes_to_dump() -> None:
    """Tools that print the variables of a frame print ``vars()`` too."""
    assert not hasattr(Secret("hunter2"), "__dict__")


def test_a_secret_is_equal_to_its_like_and_to_nothing_else() -> None:
    """Never to the bare characters: a comparison that mixes the two up must fail."""
    assert Secret("a") == Secret("a") and hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("a").reveal() == "a"
    assert Secret("a") and not Secret("")


def test_a_fingerprint_recognises_a_secret_and_does_not_show_it() -> None:
    """Also of characters that UTF-8 has no bytes for."""
    assert fingerprint(Secret("hunter2")) == fingerprint(Secret("hunter2"))
    assert fingerprint(Secret("hunter2")) != fingerprint(Secret("hunter3"))
    assert "hunter2" not in str(fingerprint(Secret("hunter2")))
    assert len(str(fingerprint(Secret("\udc80")))) == 64


# -- Authorization -------------------------------------------------------------------------------

def test_the_repr_of_an_authorization_has_no_token() -> None:
    """It ends up in logs and in the tracebacks of test tools."""
    shown = repr(answered())
    assert "ACCESS" not in shown and "REFRESH" not in shown
    assert "604800" in shown


def test_an_authorization_cannot_be_changed() -> None:
    """It is a value: shared by threads as it is."""
    with pytest.raises(AttributeError):
        answered().access_token = "other"  # type: ignore[misc]


def test_the_values_are_the_six_of_the_block_in_its_order() -> None:
    """What is spliced into the config."""
    assert tuple(answered().values()) == AUTHORIZATION_KEYS
    assert answered().values() == VALUES


def test_the_end_is_an_aware_time_in_utc() -> None:
    """created_at + expires_in."""
    ends = answered(created_at=1_789_999_990, expires_in=10).expires_at
    assert ends == datetime(2026, 9, 21, 14, 13, 20, tzinfo=timezone.utc)
    assert ends.utcoffset() is not None


def test_the_end_is_a_time_that_every_zone_can_express() -> None:
    """The largest numbers that are believed must not break whoever prints them."""
    ends = answered(created_at=LATEST_TIME, expires_in=LONGEST_LIFETIME).expires_at
    assert ends.year == 9999
    assert ends.astimezone().utcoffset() is not None


# -- from the config -----------------------------------------------------------------------------

@pytest.mark.parametrize("changes, expected", [
    pytest.param({}, VALUES, id="all six"),
    pytest.param({"token_type": "", "scope": ""}, {**VALUES, "token_type": "bearer",
                                                   "scope": "public"}, id="words have defaults"),
    pytest.param({"refresh_token": ""}, {**VALUES, "refresh_token": ""},
                 id="an access token alone is kept"),
    pytest.param({"expires_in": " 604800 "}, VALUES, id="blanks around a number"),
    pytest.param({"expires_in": "0604800"}, VALUES, id="a leading zero is not octal"),
    pytest.param({"access_token": ""}, None, id="no access token"),
    pytest.param({"expires_in": ""}, None, id="no lifetime"),
    pytest.param({"created_at": ""}, None, id="no time of issue"),
    pytest.param({"created_at": "0"}, None, id="issued in 1970"),
    pytest.param({"created_at": "1_790_000_000"}, None, id="underscores"),
    pytest.param({"created_at": "\u0661\u0662"}, None, id="digits of another script"),
    pytest.param({"created_at": "9" * 400}, None, id="a number of 400 digits"),
    pytest.param({"expires_in": str(LONGEST_LIFETIME)},
                 {**VALUES, "expires_in": str(LONGEST_LIFETIME)}, id="ten years"),
    pytest.param({"expires_in": str(LONGEST_LIFETIME + 1)}, None, id="more than ten years"),
    pytest.param({"created_at": str(LATEST_TIME + 1)}, None, id="after all times"),
    pytest.param({"expires_in": "true"}, None, id="a word"),
    pytest.param({"expires_in": "604800.0"}, None, id="a fraction"),
])
def test_the_values_of_a_config(changes: dict[str, str],
                                expected: dict[str, str] | None) -> None:
    """The characters in the file, as an authorization whose age is known, or none."""
    found = Authorization.from_values({**VALUES, **changes})
    assert (found.values() if found else None) == expected


def test_a_config_without_any_value_holds_no_authorization() -> None:
    """Missing keys are like empty ones."""
    assert Authorization.from_values({}) is None


# -- from an answer ------------------------------------------------------------------------------

@pytest.mark.parametrize("changes, key, expected", [
    pytest.param({"expires_in": "86400"}, "expires_in", 86400, id="digits in quotes"),
    pytest.param({"expires_in": 86400.0}, "expires_in", 86400, id="a float"),
    pytest.param({"expires_in": None}, "expires_in", SHORTEST_KNOWN_LIFETIME, id="null"),
    pytest.param({"expires_in": 0}, "expires_in", SHORTEST_KNOWN_LIFETIME, id="zero"),
    pytest.param({"expires_in": -1}, "expires_in", SHORTEST_KNOWN_LIFETIME, id="negative"),
    pytest.param({"expires_in": True}, "expires_in", SHORTEST_KNOWN_LIFETIME, id="true"),
    pytest.param({"expires_in": 1e300}, "expires_in", SHORTEST_KNOWN_LIFETIME, id="huge"),
    pytest.param({"expires_in": float("inf")}, "expires_in", SHORTEST_KNOWN_LIFETIME,
                 id="Infinity"),
    pytest.param({"expires_in": float("nan")}, "expires_in", SHORTEST_KNOWN_LIFETIME, id="NaN"),
    pytest.param({"expires_in": [1]}, "expires_in", SHORTEST_KNOWN_LIFETIME, id="a list"),
    pytest.param({"created_at": None}, "created_at", int(NOW), id="created_at null"),
    pytest.param({"created_at": 1.79e12}, "created_at", int(NOW), id="milliseconds"),
    pytest.param({"created_at": "2026-10-01T00:00:00Z"}, "created_at", int(NOW), id="a date"),
    pytest.param({"scope": None}, "scope", "public", id="scope null"),
    pytest.param({"scope": ""}, "scope", "public", id="scope empty"),
    pytest.param({"scope": "public private"}, "scope", "public private", id="two scopes"),
    pytest.param({"scope": ["public"]}, "scope", "public", id="scope a list"),
    pytest.param({"token_type": "bearer\n"}, "token_type", "bearer", id="a line break"),
    pytest.param({"token_type": 7}, "token_type", "bearer", id="token_type a number"),
    pytest.param({"more": {"nested": []}}, "scope", "public", id="more fields than are known"),
])
def test_numbers_are_normalised_and_missing_ones_defaulted(
        changes: dict[str, Any], key: str, expected: Any) -> None:
    """A usable token pair is never thrown away for what stands beside it."""
    assert getattr(answered(**changes), key) == expected


@pytest.mark.parametrize("missing, key, expected", [
    ("expires_in", "expires_in", SHORTEST_KNOWN_LIFETIME),
    ("created_at", "created_at", int(NOW)),
    ("scope", "scope", "public"),
    ("token_type", "token_type", "bearer"),
])
def test_what_an_answer_leaves_out_is_defaulted(missing: str, key: str, expected: Any) -> None:
    """RFC 6749, section 5.1 requires no more than access_token and token_type."""
    assert getattr(answered(missing), key) == expected


def test_a_missing_refresh_token_keeps_the_one_that_was_sent() -> None:
    """RFC 6749, section 6."""
    assert answered("refresh_token", sent=Secret("SENT")).refresh_token == "SENT"
    assert answered(refresh_token=None, sent=Secret("SENT")).refresh_token == "SENT"
    assert answered(sent=Secret("SENT")).refresh_token == "REFRESH-token-1"


UNUSABLE_TOKENS: list[Any] = [
    "", " ", " a", "a ", "a\nb", "a\u00e9", "a\x7f", "\ufeffa", None, 7, True, [], {"a": 1},
]


@pytest.mark.parametrize("access_token", UNUSABLE_TOKENS)
def test_an_answer_without_a_usable_access_token_still_has_its_refresh_token(
        access_token: Any) -> None:
    """The refresh token is worth keeping: it buys a new access token."""
    with pytest.raises(UnusableAnswer) as caught:
        answered(access_token=access_token)
    assert caught.value.rest and caught.value.rest.refresh_token == "REFRESH-token-1"
    assert caught.value.rest.is_refresh_token_alone


@pytest.mark.parametrize("refresh_token", UNUSABLE_TOKENS)
def test_an_answer_to_a_sign_in_without_a_usable_refresh_token(refresh_token: Any) -> None:
    """Its access token is good for as long as it lasts; the next time, somebody has to sign in."""
    authorization = answered(refresh_token=refresh_token)
    assert authorization.access_token and authorization.refresh_token == ""


@pytest.mark.parametrize("refresh_token", [*UNUSABLE_TOKENS, "rt"])
@pytest.mark.parametrize("if_missing", [True, False])
def test_whether_there_is_a_next_time(if_missing: bool, refresh_token: Any) -> None:
    """A missing refresh token may mean that the old one works on, an unusable one never does."""
    body = json.dumps({"access_token": "at", "refresh_token": refresh_token}).encode()
    expected = refresh_token == "rt" or refresh_token is None and if_missing
    assert has_refresh_token(body, if_missing=if_missing) is expected


def test_stray_bytes_elsewhere_do_no_harm() -> None:
    """They are not UTF-8, and stand in a field that nobody reads."""
    body = b'{"access_token": "at", "refresh_token": "rt", "name": "\xff\xfe"}'
    assert Authorization.from_response(body, received_at=1).refresh_token == "rt"


@pytest.mark.parametrize("token", [
    "1234E567", "0x1F", "null", "~", "yes", "a b", "'", '"', "a: b", "a #b", "<<", "x" * 200_000,
])
def test_a_token_may_look_like_anything_printable(token: str) -> None:
    """How it is quoted in YAML is not the concern of this module."""
    assert answered(access_token=token, refresh_token=token).access_token == token


@pytest.mark.parametrize("body", [
    b"", b"null", b"[]", b'"ACCESS"', b"7", b"{}", b"<html>ACCESS</html>", b"\xff\xfe\x00",
    b'{"access_token": "ACCESS"', b'{"access_token": "ACCESS\xff"}', b"[" * 100_000,
    b'{"expires_in": ' + b"9" * 10_000 + b"}",
])
def test_an_answer_of_another_shape_is_unusable_and_is_not_quoted(body: bytes) -> None:
    """Not in the text, and not in a cause or context either."""
    with pytest.raises(UnusableAnswer) as caught:
        Authorization.from_response(body, received_at=NOW)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    frames = "".join(traceback.format_exception(type(caught.value), caught.value, None))
    assert "ACCESS" not in frames


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_an_answer_may_have_a_byte_order_mark(encoding: str) -> None:
    """RFC 8259, section 8.1 lets a reader ignore one."""
    body = json.dumps(ANSWER).encode(encoding)
    assert Authorization.from_response(body, received_at=NOW).values() == VALUES


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(
    st.sampled_from(AUTHORIZATION_KEYS),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a1 :'é\n\x00", max_size=8)
    | st.lists(st.integers(), max_size=2)))
def test_any_object_gives_an_authorization_that_a_config_gives_back(body: dict[str, Any]) -> None:
    """Or it is unusable: nothing else is raised, and nothing is written that is not read again."""
    try:
        found = Authorization.from_response(json.dumps(body).encode("utf-8"), received_at=NOW,
                                            refresh_token=Secret("SENT"))
    except UnusableAnswer:
        return
    assert Authorization.from_values(found.values()) == found


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_an_answer_or_unusable(body: bytes) -> None:
    """No other exception leaves."""
    with pytest.raises(UnusableAnswer):
        Authorization.from_response(body, received_at=NOW)


@pytest.mark.parametrize("clock, created_at", [(-5.5, 0), (1e18, LATEST_TIME), (12.9, 12)])
def test_an_answer_that_came_by_a_clock_that_is_wrong_can_be_saved(clock: float,
                                                                   created_at: int) -> None:
    """The tokens are Trakt's, whatever this machine takes the time for."""
    found = Authorization.from_response(b'{"access_token": "a"}', received_at=clock)
    edited = set_authorization(parse(b"trakt:\n  client_id: a\n"), found)
    assert edited.authorization["created_at"].text == str(created_at)
    with pytest.raises(UnusableAnswer) as caught:
        Authorization.from_response(b'{"refresh_token": "a"}', received_at=clock)
    assert caught.value.rest is not None and caught.value.rest.created_at == created_at
