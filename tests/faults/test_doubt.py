"""A refresh token that may be spent is not sent again while the access token is good.

Whatever happens next: pins, right and wrong, kills, refusals and edits, in any order. To send it
again would tell Trakt of a stolen token, and Trakt might end the access token for that.
"""
from __future__ import annotations

import errno
import itertools
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support import scenes
from tests.support.ages import WORTH_REFRESHING
from tests.support.injection import FULL, Ended, Fault, command, forked
from tests.support.scenes import WEEK, Scene
from trakt_config.authorization.intent import Intent
from trakt_config.sandbox import Answer
from trakt_config.storage import JournalContent
from trakt_config.tokens import Secret, fingerprint

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

LOST = Answer(process=True, cut="close")
REFUSED = Answer(400, b'{"error": "invalid_grant"}')

Event = Callable[[Scene], None]


def run(made: Scene, *answers: Answer, fault: Fault | None = None) -> None:
    """A run, with what Trakt answers where that is not what it answers as a rule."""
    for answer in answers:
        made.trakt.answer(answer)
    made.authorize(fault=fault)
    made.trakt.settle()
    made.trakt.withdraw_answers()


def type_pin(made: Scene, pin: str) -> None:
    made.config.write_text(re.sub("(?m)^  pin:.*", f"  pin: {pin}", made.config.read_text()))


def killed_before_the_answer(made: Scene) -> None:
    run(made, fault=Fault("recv_into", 1, "kill"))


def killed_before_the_request(made: Scene) -> None:
    run(made, fault=Fault("sendall", 1, "kill"))


def lost_answer(made: Scene) -> None:
    run(made, LOST)


def wrong_pin(made: Scene) -> None:
    type_pin(made, "wrong")
    run(made)


def wrong_pin_and_a_kill(made: Scene) -> None:
    type_pin(made, "wrong")
    killed_before_the_answer(made)


def pin_that_is_lost(made: Scene) -> None:
    type_pin(made, "wrong")
    run(made, Answer(503))


def pin_while_the_app_is_refused(made: Scene) -> None:
    type_pin(made, "wrong")
    run(made, Answer(403))
    type_pin(made, "")


def edit_elsewhere(made: Scene) -> None:
    with open(made.config, "a") as stream:
        stream.write("# edited\n")


def token_taken_out_and_put_back(made: Scene) -> None:
    before = made.config.read_bytes()
    made.config.write_bytes(re.sub(rb"(?m)^    refresh_token: .*", b"    refresh_token:", before))
    run(made)
    made.config.write_bytes(before)


def token_taken_out_while_a_wrong_pin_is_sent(made: Scene) -> None:
    """And lost, so that only the journal knows of the token; then it is put back."""
    before = made.config.read_bytes()
    made.config.write_bytes(re.sub(rb"(?m)^    refresh_token: .*", b"    refresh_token:", before))
    wrong_pin_and_a_kill(made)
    made.config.write_bytes(before)


def token_taken_out_while_a_logout_fails(made: Scene) -> None:
    before = made.config.read_bytes()
    made.config.write_bytes(re.sub(rb"(?m)^    refresh_token: .*", b"    refresh_token:", before))
    made.trakt.answer(Answer(503), path="/oauth/revoke")
    assert forked(command("logout", made.config), environ=made.environ).status == 4
    made.config.write_bytes(before)


def refused(made: Scene) -> None:
    run(made, REFUSED)


BEGINNINGS: list[Event] = [killed_before_the_answer, lost_answer]
EVENTS: list[Event] = [
    killed_before_the_answer, killed_before_the_request, lost_answer, wrong_pin,
    wrong_pin_and_a_kill, pin_that_is_lost, pin_while_the_app_is_refused, edit_elsewhere,
    token_taken_out_and_put_back, token_taken_out_while_a_wrong_pin_is_sent,
    token_taken_out_while_a_logout_fails]

ORDERS = [[begun, *later] for begun in BEGINNINGS
          for later in itertools.product(EVENTS, repeat=2 if FULL else 1)]


@pytest.mark.parametrize("events", ORDERS, ids=lambda events: ", ".join(
    event.__name__ for event in events))
def test_a_token_that_may_be_spent_is_not_sent_again(events: Sequence[Event], trakt: Any,
                                                     tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path, age=int(WORTH_REFRESHING * WEEK))
    good = scenes.values(made)["access_token"]
    for event in events:
        event(made)
    run(made)
    assert trakt.issued() == 1 and trakt.spent_again() == 0
    assert scenes.values(made)["access_token"] == good and trakt.honours_access(good)
    type_pin(made, trakt.issue_code())
    assert made.authorize().status == 0, "a right pin settles everything"
    assert trakt.spent_again() == 0 and made.left_overs() == []


TORN = [("write", "short"), ("write", "torn")]
#: What writes the note. A disk without room answers the same at each of them.
NOTING = ("lseek", "ftruncate", "posix_fallocate", "write", "fsync")
FAULTS: list[tuple[str, object]] = [
    *TORN, *((kind, action) for kind in NOTING
             for action in ("kill", errno.ENOSPC, errno.EDQUOT, errno.EIO))]


@pytest.mark.sampled(20)
@pytest.mark.parametrize("begun", [killed_before_the_answer, lost_answer, refused],
                         ids=lambda event: event.__name__)
@pytest.mark.parametrize("kind, action", FAULTS)
def test_a_doubt_is_there_until_the_next_note_is(kind: str, action: object, begun: Event,
                                                 trakt: Any, tmp_path: Path) -> None:
    """A pin is to be sent, and each call before that is killed or refused: once, or for good."""
    count = calls_before_the_request(kind, begun, trakt, tmp_path)
    assert count, "the note is written by other calls"
    for ordinal, for_good in itertools.product(range(1, count + 1), (False, True)):
        if for_good and action in ("kill", "torn", "short"):
            continue
        made = in_doubt(begun, trakt, tmp_path / f"{ordinal} {for_good}")
        good = scenes.values(made)["access_token"]
        asked = refreshes(trakt)
        type_pin(made, "wrong")
        run(made, fault=Fault(kind, ordinal, action, for_good=for_good))
        type_pin(made, "")
        run(made)
        assert refreshes(trakt) == asked, f"sent again after {kind} #{ordinal} {for_good}"
        assert trakt.spent_again() == 0
        assert scenes.values(made)["access_token"] == good
        type_pin(made, trakt.issue_code())
        assert made.authorize().status == 0 and made.left_overs() == []


@pytest.mark.parametrize("kind, action", FAULTS)
def test_a_spent_token_that_is_refused_is_not_forgotten(kind: str, action: object, trakt: Any,
                                                        tmp_path: Path) -> None:
    """The refusal is being noted: until it is, the journal says that the token may be spent."""
    plain = refused_in(trakt, tmp_path / "plain")
    answered = max(plain.calls.index(call) for call in plain.calls if call.kind == "recv_into")
    ordinals = [call.ordinal for call in plain.calls[answered:] if call.kind == kind]
    assert ordinals, "the refusal is noted by other calls"
    for ordinal in ordinals:
        base = tmp_path / str(ordinal)
        fault = Fault(kind, ordinal, action, for_good=action not in ("kill", "torn", "short"))
        made = scene_in(base, trakt)
        trakt.answer(REFUSED)
        made.authorize(fault=fault)
        run(made)
        assert refreshes(trakt) == 1, f"sent again after {kind} #{ordinal}"


def refused_in(trakt: Any, base: Path) -> Ended:
    made = scene_in(base, trakt)
    trakt.answer(REFUSED)
    return made.authorize(watch=True)


def scene_in(base: Path, trakt: Any) -> Scene:
    base.mkdir()
    return scenes.scene(trakt, base, age=int(WORTH_REFRESHING * WEEK))


def in_doubt(begun: Event, trakt: Any, base: Path) -> Scene:
    made = scene_in(base, trakt)
    begun(made)
    return made


def calls_before_the_request(kind: str, begun: Event, trakt: Any, base: Path) -> int:
    """How many of the kind a run makes before it sends a pin."""
    made = in_doubt(begun, trakt, base / "plain")
    type_pin(made, "wrong")
    calls = made.authorize(watch=True).calls
    sent = next(number for number, call in enumerate(calls) if call.kind == "sendall")
    return sum(call.kind == kind for call in calls[:sent])


def refreshes(trakt: Any) -> int:
    """How often a refresh token was sent."""
    return sum(body.get("grant_type") == "refresh_token" for body in trakt.bodies())


@pytest.mark.parametrize("events", [
    [wrong_pin_and_a_kill, edit_elsewhere], [pin_that_is_lost], [pin_while_the_app_is_refused],
    [killed_before_the_request]], ids=lambda events: events[0].__name__)
def test_a_doubt_about_a_pin_is_none_about_the_refresh_token(events: Sequence[Event], trakt: Any,
                                                             tmp_path: Path) -> None:
    """That one is refreshed as if nothing had been, when it is due."""
    made = scenes.scene(trakt, tmp_path)
    for event in events:
        event(made)
    type_pin(made, "")
    assert made.authorize().status == 0
    assert trakt.issued() == 1 and made.left_overs() == []


@pytest.mark.parametrize("facts", [{}, {"refresh_refused": True},
                                   {"refresh_refused": True, "answer_lost": True}])
def test_an_intent_says_younger_facts_only_where_they_are_so(facts: dict[str, Any]) -> None:
    """A version that does not know them leaves a journal with them to a newer one."""
    intent = Intent("a digest", **facts)
    assert Intent.decode(JournalContent(note=intent.encode())) == intent
    said = json.loads(intent.encode())
    assert ("answer_lost" in said) is ("answer_lost" in facts)


def test_an_intent_of_the_first_format() -> None:
    """It had one doubt for both, which is taken for the graver one."""
    digest = fingerprint(Secret("a token"))
    for doubtful in (True, False):
        facts = {"refresh_token": digest, "pin": None, "spends_refresh_token": doubtful}
        encoded = json.dumps(facts).encode()
        intent = Intent.decode(JournalContent(note=encoded))
        assert intent == Intent(digest, refresh_unknown=doubtful)
        assert intent and intent.doubts(Secret("a token")) is doubtful
        assert not intent.doubts(Secret("another"))
