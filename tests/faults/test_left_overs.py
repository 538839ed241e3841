"""What a killed run left, row by row, and what a clean run makes of it.

The journals are written as a run writes them, by :mod:`trakt_config.storage.journal`.
"""
from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support import scenes
from tests.support.ages import WORTH_REFRESHING
from tests.support.injection import FULL, App, Ended, Fault, command, forked
from tests.support.scenes import WEEK, Scene
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.run import Options
from trakt_config.errors import SaveError
from trakt_config.sandbox import Answer
from trakt_config.sign_in.registration import NewClient, registered
from trakt_config.storage import journal
from trakt_config.tokens import Secret, fingerprint

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

DUE, ALMOST, FRESH = WEEK + 3600, int(WORTH_REFRESHING * WEEK), 0


def leave(made: Scene, *, answer: bytes | None = None, spent: str | None = None,
          pin: str | None = None, before: bytes | None = None,
          content: bytes | None = None) -> Path:
    """Leave a journal as a killed run does; its path."""
    note = Intent(refresh_token=fingerprint(Secret(spent)) if spent else None,
                  pin=fingerprint(Secret(pin)) if pin else None)
    opened = journal.acquire(str(made.config), {}, lambda: None, print)
    opened.begin(note.encode(), 100000)
    for kind, payload in ((b"answer", answer), (b"before", before), (b"content", content)):
        if payload is not None:
            opened.append(kind, payload, time.time())
    opened.close(remove=False)
    return Path(opened.path)


def plant(made: Scene, data: bytes) -> Path:
    """Leave a journal of these bytes; its path."""
    path = Path(journal.beside(str(made.config)))
    path.write_bytes(data)
    path.chmod(0o600)
    os.chown(path, *made.metadata[:2])
    return path


def body(pair: Mapping[str, Any], **changes: Any) -> bytes:
    fields = {**pair, **changes}
    return json.dumps({key: value for key, value in fields.items()
                       if value is not None}).encode()


def token(made: Scene) -> str:
    return scenes.values(made)["refresh_token"]


def outcome(ended: Ended) -> str:
    assert ended.status == 0, str(ended)
    return ended.out.split(": ")[1].split(",")[0]


def spend(made: Scene) -> dict[str, Any]:
    """The pair that Trakt gave for the config's refresh token, and nobody saved."""
    made.trakt.spend(token(made))
    new = made.trakt.honoured()
    assert len(new) == 1
    pair: dict[str, Any] = made.trakt.pair(new[0])
    return pair


def assert_clean(made: Scene) -> None:
    assert made.left_overs() == []
    assert list(scenes.damage(made)) == []


@pytest.mark.parametrize("data", [
    b"", b"trakt", b"trakt_config journal 1", b"trakt_config journal 1\nnote 17", b"\0" * 1000,
    b"trakt_config journal 1\nnote 1 5 0000\nabcde\n", b"junk\n" * 9,
], ids=range(7))
@pytest.mark.parametrize("age", [DUE, FRESH], ids=["due", "fresh"])
def test_nothing_yet_or_torn_is_dropped(age: int, data: bytes, trakt: Any,
                                        tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path, age=age)
    plant(made, data)
    assert outcome(made.authorize()) == ("refreshed" if age else "fresh")
    assert trakt.asked() == bool(age)
    assert_clean(made)


@pytest.mark.parametrize("age, found", [(FRESH, "fresh"), (ALMOST, "kept")],
                         ids=["fresh", "advisory"])
def test_no_answer_and_a_good_access_token(age: int, found: str, trakt: Any,
                                           tmp_path: Path) -> None:
    """It is kept, and the note too, until it is due: then there is one try."""
    made = scenes.scene(trakt, tmp_path, age=age)
    left = leave(made, spent=token(made))
    assert outcome(made.authorize()) == found
    assert (trakt.asked(), left.exists()) == (0, True)
    assert made.config.read_bytes() == made.before
    assert outcome(made.authorize("--force")) == "refreshed"
    assert trakt.asked() == 1
    assert_clean(made)


def test_no_answer_and_due_is_tried_once(trakt: Any, tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path)
    leave(made, spent=token(made))
    assert outcome(made.authorize()) == "refreshed"
    assert trakt.asked() == 1
    assert_clean(made)


def test_no_answer_and_it_was_spent(trakt: Any, tmp_path: Path) -> None:
    """A person has to sign in, and is told why; the journal goes."""
    made = scenes.scene(trakt, tmp_path)
    leave(made, spent=token(made))
    spend(made)
    ended = made.authorize()
    assert (ended.status, trakt.asked()) == (3, 2) and "was lost" in ended.err
    assert_clean(made)


def test_no_answer_and_no_answer_again(trakt: Any, tmp_path: Path) -> None:
    """One try a run, and the note stays until an answer is definite."""
    made = scenes.scene(trakt, tmp_path)
    left = leave(made, spent=token(made))
    trakt.answer(Answer(503), times=2)
    for asked in (1, 2):
        assert made.authorize().status == 4
        assert (trakt.asked(), left.exists()) == (asked, True)
    assert outcome(made.authorize()) == "refreshed"
    assert_clean(made)


def test_no_answer_and_another_refresh_token(trakt: Any, tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path)
    leave(made, spent="another")
    assert outcome(made.authorize()) == "refreshed"
    assert_clean(made)


def test_no_answer_to_a_pin(trakt: Any, tmp_path: Path) -> None:
    """A code dies by itself; it is sent once more."""
    made = scenes.scene(trakt, tmp_path, pin=True)
    leave(made, pin="whatever")
    assert outcome(made.authorize()) == "exchanged"
    assert_clean(made)


@pytest.mark.parametrize("edit", [
    lambda text: text, lambda text: re.sub("    refresh_token: .*", "    refresh_token:", text),
    lambda text: text.split("  authorization:\n")[0] + "mal:" + text.split("mal:")[1],
], ids=["its token", "an empty token", "no block"])
def test_a_good_answer_is_put_in(edit: Any, trakt: Any, tmp_path: Path) -> None:
    """Without a request; the outcome is adopted."""
    made = scenes.scene(trakt, tmp_path)
    leave(made, spent=token(made), answer=body(spend(made)))
    made.config.write_text(edit(made.before.decode()))
    assert outcome(made.authorize()) == "adopted"
    assert trakt.asked() == 1 and trakt.honoured() == [token(made)]
    assert made.left_overs() == []


def test_a_good_answer_to_a_pin_clears_it(trakt: Any, tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path, pin=True)
    pin = made.before.decode().split("  pin: ")[1].split("\n")[0]
    trakt.spend_code(pin)
    leave(made, pin=pin, answer=body(trakt.pair(trakt.honoured()[0])))
    assert outcome(made.authorize()) == "adopted"
    assert trakt.asked() == 1 and b"  pin:\n" in made.config.read_bytes()
    assert_clean(made)


def test_a_good_answer_that_is_in_the_config_already(trakt: Any, tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path, age=FRESH)
    leave(made, spent="the old one", answer=body(trakt.pair(token(made))))
    assert outcome(made.authorize()) in ("fresh", "adopted")
    assert trakt.asked() == 0 and made.config.read_bytes() == made.before
    assert_clean(made)


@pytest.mark.parametrize("key", ["access_token", "created_at", "scope"])
def test_a_good_answer_that_is_there_in_part(key: str, trakt: Any, tmp_path: Path) -> None:
    """Its refresh token is, and somebody took another line away."""
    made = scenes.scene(trakt, tmp_path, age=FRESH)
    leave(made, spent="the old one", answer=body(trakt.pair(token(made))))
    lines = made.before.decode().splitlines(keepends=True)
    made.config.write_text("".join(line for line in lines
                                   if not line.startswith(f"    {key}: ")))
    ended = made.authorize()
    assert ended.status == 0, str(ended)
    assert len(trakt.honoured()) == 1 and trakt.honours_access(
        scenes.values(made)["access_token"])
    assert made.left_overs() == []


def test_a_good_answer_and_another_refresh_token(trakt: Any, tmp_path: Path) -> None:
    """Theirs wins, with a warning."""
    made = scenes.scene(trakt, tmp_path, age=FRESH)
    leave(made, spent="the old one", answer=body(trakt.issue_authorization()))
    ended = made.authorize()
    assert outcome(ended) == "fresh" and "those stay" in ended.err
    assert trakt.asked() == 0 and made.config.read_bytes() == made.before
    assert_clean(made)


@pytest.mark.parametrize("data", [b"", b"libraries: {}\n", b"[", b"trakt:\n", b"\xff", b"trakt: 1"],
                         ids=["empty", "no block", "broken", "null", "not UTF-8", "a number"])
def test_a_good_answer_and_no_place_for_it(data: bytes, trakt: Any, tmp_path: Path) -> None:
    """It waits, and the error says so; after the repair it is put in."""
    made = scenes.scene(trakt, tmp_path)
    left = leave(made, spent=token(made), answer=body(spend(made)))
    made.config.write_bytes(data)
    for _ in range(2):
        ended = made.authorize()
        assert ended.status == 5 and str(left) in ended.err and left.exists(), str(ended)
        assert made.config.read_bytes() == data
    made.config.write_bytes(made.before)
    assert outcome(made.authorize()) == "adopted"
    assert trakt.asked() == 1
    assert_clean(made)


def test_a_good_answer_and_no_file(trakt: Any, tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path)
    left = leave(made, spent=token(made), answer=body(spend(made)))
    os.rename(made.config, tmp_path / "away")
    assert made.authorize().status == 2 and left.exists()
    os.rename(tmp_path / "away", made.config)
    assert outcome(made.authorize()) == "adopted"


@pytest.mark.parametrize("fault, status", [
    (Fault("flock", 1, errno.EIO), 5), (Fault("fchown", 1, errno.EIO), 5),
    (Fault("flock", 2, errno.EIO), 5),
    (Fault("flock", 2, errno.EAGAIN, for_good=True), 4), (Fault("flock", 2, "term"), 143),
    (Fault("flock", 2, "kill"), -9)], ids=str)
def test_a_good_answer_and_a_run_that_gets_no_lock(fault: Fault, status: int, trakt: Any,
                                                   tmp_path: Path) -> None:
    """It has not looked at the journal yet: that stays, and no other is used instead."""
    made = scenes.scene(trakt, tmp_path)
    left = leave(made, spent=token(made), answer=body(spend(made)))
    ended = made.authorize(fault=fault)
    if ended.status != 0 or fault.kind != "fchown":  # Only root gives files away.
        assert ended.status == status, str(ended)
        assert left.exists() and trakt.asked() == 1
    assert made.authorize().status == 0
    assert trakt.asked() == 1 and trakt.honoured() == [token(made)]
    assert_clean(made)


@pytest.mark.parametrize("cut", range(0, 700, 37))
def test_a_torn_overwrite_is_written_again(cut: int, trakt: Any, tmp_path: Path) -> None:
    """Whatever part of the new content had reached the file."""
    made = scenes.scene(trakt, tmp_path)
    new = spend(made)
    content = made.before
    for key, value in scenes.values(made).items():
        content = content.replace(f"    {key}: {value}\n".encode(),
                                  f"    {key}: {new[key]}\n".encode())
    leave(made, spent=token(made), answer=body(new), before=made.before, content=content)
    made.config.write_bytes(content[:cut] + made.before[cut:])
    assert made.authorize().status == 0
    assert made.config.read_bytes() == content and trakt.asked() == 1
    assert made.left_overs() == []


def test_an_edit_after_a_torn_overwrite_wins(trakt: Any, tmp_path: Path) -> None:
    """The tokens still come in, into the file as it is by now."""
    made = scenes.scene(trakt, tmp_path)
    new = spend(made)
    content = made.before.replace(token(made).encode(), new["refresh_token"].encode())
    leave(made, spent=token(made), answer=body(new), before=made.before, content=content)
    made.before = made.before.replace(b"big one", b"large one") + b"# edited\n"
    made.config.write_bytes(made.before)
    assert outcome(made.authorize()) == "adopted"
    assert token(made) == new["refresh_token"] and b"large one" in made.config.read_bytes()
    assert list(scenes.damage(made)) == []


@pytest.mark.parametrize("key, part", [
    ("access_token", 0.5), ("refresh_token", 0.02), ("refresh_token", 0.5),
    ("refresh_token", 0.98), ("created_at", 0.2)])
def test_an_edit_of_a_torn_overwrite_loses_no_token(key: str, part: float, trakt: Any,
                                                    tmp_path: Path) -> None:
    """The edit stays, and what is half of the new tokens and half of the old is nobody's."""
    made = scenes.scene(trakt, tmp_path)
    old, new = scenes.values(made), spend(made)
    content = made.before
    for name, value in old.items():
        content = content.replace(f"    {name}: {value}\n".encode(),
                                  f"    {name}: {new[name]}\n".encode())
    leave(made, spent=old["refresh_token"], answer=body(new), before=made.before, content=content)
    written = str(new[key]).encode()
    cut = content.index(written) + round(part * len(written))
    made.before += b"# edited\n"
    made.config.write_bytes(content[:cut] + made.before[cut:])
    assert "would put in" in made.authorize("--dry-run").out
    assert outcome(made.authorize()) == "adopted"
    assert scenes.values(made) == {name: str(new[name]) for name in old}
    assert trakt.asked() == 1
    assert_clean(made)


def refused_pin_in_place(trakt: Any, base: Path) -> Scene:
    made = scenes.scene(trakt, base, age=FRESH)
    made.before = made.before.replace(b"  pin:", b"  pin: wrong678")
    made.config.write_bytes(made.before)
    made.second = made.base / "elsewhere" / "second.yml"
    os.link(made.config, made.second)
    made.metadata = scenes.described(made.config)
    return made


def leave_half_of(key: str, made: Scene) -> dict[str, str]:
    """The clearing of its refused pin is cut short within that token, and the file is edited; the
    values that it had.
    """
    good = scenes.values(made)
    content = made.before.replace(b"  pin: wrong678", b"  pin:")
    cut = content.index(good[key].encode()) + 32
    made.authorize(fault=Fault("write", 4, "torn", share=(cut + 0.5) / len(content)))
    torn = made.config.read_bytes()
    assert torn[:cut] == content[:cut] and good[key].encode() not in torn
    made.config.write_bytes(b"# edited\n" + torn)
    return good


@pytest.mark.parametrize("key", ["access_token", "refresh_token"])
def test_tokens_that_a_refused_pin_has_left_half_are_whole_again(key: str, trakt: Any,
                                                                 tmp_path: Path) -> None:
    """It was being cleared, in place, which moved what is below it; then somebody edited the file.
    And each write of the run that heals it fails as well.
    """
    def torn_and_edited() -> tuple[Scene, dict[str, str]]:
        made = refused_pin_in_place(trakt, tmp_path)
        return made, leave_half_of(key, made)

    made, good = torn_and_edited()
    assert "would put in" in made.authorize("--dry-run").out
    calls = made.authorize(watch=True).calls
    assert scenes.values(made) == good
    writes = [call for call in calls if call.kind in ("write", "fsync", "ftruncate")]
    for call in writes[::1 if FULL else 4]:
        for action in ("kill", errno.EIO):
            made, good = torn_and_edited()
            made.authorize(fault=Fault(call.kind, call.ordinal, action, for_good=True))
            assert made.authorize().status == 0 and scenes.values(made) == good, f"{call}"
            assert trakt.issued() == 0 and made.left_overs() == []


@pytest.mark.sampled(1)
@pytest.mark.parametrize("key", ["access_token", "refresh_token"])
def test_tokens_in_doubt_that_a_refused_pin_has_left_half(key: str, trakt: Any,
                                                          tmp_path: Path) -> None:
    """They are whole again, and in doubt as before, however often that is cut short."""
    def torn_and_edited() -> tuple[Scene, dict[str, str]]:
        made = refused_pin_in_place(trakt, tmp_path)
        leave(made, spent=scenes.values(made)["refresh_token"])
        return made, leave_half_of(key, made)

    made, good = torn_and_edited()
    planned = "would do nothing" if key == "access_token" else "would put in"
    assert planned in made.authorize("--dry-run").out
    ended = forked(command("token", made.config), environ=made.environ, watch=True)
    assert ended.out == good["access_token"] + "\n"
    calls = ended.calls[::1 if FULL else 6]
    for call in [None, *(call for call in calls if call.kind in ("write", "fsync", "ftruncate"))]:
        made, good = torn_and_edited()
        if call:
            made.authorize(fault=Fault(call.kind, call.ordinal, "kill"))
        for _ in range(2):
            assert made.authorize().status == 0 and scenes.values(made) == good, f"{call}"
            assert len(made.left_overs()) == 1 and trakt.issued() == 0, f"{call}"
        assert outcome(made.authorize("--force")) == "refreshed"
        assert made.left_overs() == []


@pytest.mark.parametrize("action", ["kill", "torn", errno.ENOSPC, errno.EIO])
def test_half_a_token_is_known_however_often_it_cannot_be_replaced(action: object, trakt: Any,
                                                                   tmp_path: Path) -> None:
    """Torn, then edited, and then each write of the run that puts the answer in fails as well."""
    def torn_and_edited() -> Scene:
        made = scenes.refresh_in_place(trakt, tmp_path)
        old, new = scenes.values(made), spend(made)
        content = made.before
        for name, value in old.items():
            content = content.replace(f"    {name}: {value}\n".encode(),
                                      f"    {name}: {new[name]}\n".encode())
        leave(made, spent=old["refresh_token"], answer=body(new), before=made.before,
              content=content)
        cut = content.index(new["refresh_token"].encode()) + 32
        made.before += b"# edited\n"
        made.config.write_bytes(content[:cut] + made.before[cut:])
        return made

    calls = [call for call in torn_and_edited().authorize(watch=True).calls
             if call.kind == "write" or call.kind in ("ftruncate", "fsync") and action != "torn"]
    for call in calls[::1 if FULL else 4]:
        made = torn_and_edited()
        (new,) = trakt.honoured()
        for for_good in (True, False):
            made.authorize(fault=Fault(call.kind, call.ordinal, action, for_good=for_good))
        assert made.authorize().status == 0
        assert token(made) == new and trakt.asked() == 1, f"{call}"
        assert_clean(made)


@pytest.mark.parametrize("age, status", [(DUE, 5), (ALMOST, 0)], ids=["due", "advisory"])
@pytest.mark.parametrize("in_state", [False, True], ids=["beside", "in the state directory"])
def test_a_config_that_was_renamed_before_it_was_healed(in_state: bool, age: int, status: int,
                                                        trakt: Any, tmp_path: Path) -> None:
    """Its token is not sent again: the answer is named, and comes in with the name."""
    made = scenes.scene(trakt, tmp_path, age=age)
    left = leave(made, spent=token(made), answer=body(spend(made)))
    if in_state:
        elsewhere = Path(journal.in_state_directory(str(made.config), made.environ) or "")
        elsewhere.parent.mkdir(parents=True)
        left = left.rename(elsewhere)
    os.rename(made.config, made.config.with_name("new name.yml"))
    made.name = "new name.yml"
    for options in ((), ("--dry-run",)):
        ended = made.authorize(*options)
        assert (ended.status, trakt.asked()) == (status, 1), str(ended)
        assert options or str(left) in ended.err
    os.rename(made.config, made.config.with_name("config.yml"))
    made.name = "config.yml"
    assert outcome(made.authorize()) == "adopted"
    assert trakt.asked() == 1
    assert_clean(made)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("age, asked", [(DUE, 2), (ALMOST, 1)], ids=["due", "advisory"])
@pytest.mark.parametrize("in_state", [False, True], ids=["beside", "in the state directory"])
def test_a_doubt_in_the_journal_of_another_config(in_state: bool, age: int, asked: int, trakt: Any,
                                                  tmp_path: Path) -> None:
    """It had this name before, or has the same token: that is sent when it has to be."""
    made = scenes.scene(trakt, tmp_path, age=age)
    left = leave(made, spent=token(made))
    spend(made)
    elsewhere = Path(journal.in_state_directory(str(made.config), made.environ) or "")
    elsewhere.parent.mkdir(parents=True)
    left.rename(elsewhere.with_name("0.trakt-journal") if in_state
                else left.with_name(".other.yml.trakt-journal"))
    planned, ended = made.authorize("--dry-run"), made.authorize()
    assert trakt.asked() == asked, str(ended)
    assert ("whether Trakt did it is not known" in planned.out) == (age == ALMOST), str(planned)
    assert age == DUE or outcome(ended) == "kept" and "another config" in ended.err


@pytest.mark.parametrize("note", [
    {"spent": "another"}, {"answer": b"<html>"}, {"answer": None}, {"pin": "12345678"}],
    ids=["another token", "no use", "no answer", "a pin"])
def test_the_journal_of_another_config_is_none_of_ours(note: Any, trakt: Any,
                                                       tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path)
    left = leave(made, **{"spent": token(made), "answer": body(trakt.issue_authorization()),
                          **({"spent": None} if "pin" in note else {}), **note})
    other = left.rename(left.with_name(".other.yml.trakt-journal"))
    assert outcome(made.authorize()) == "refreshed"
    assert other.exists()


def leave_two(made: Scene, beside: Mapping[str, Any] | None,
              in_state: Mapping[str, Any] | None) -> list[Path]:
    """Leave one journal beside the config, and one in the state directory, as runs do for which
    the folder was read-only; None is for an empty one.
    """
    path = str(made.config)
    places = [Path(journal.beside(path)),
              Path(journal.in_state_directory(path, made.environ) or "")]
    contents = []
    for what in (beside, in_state):
        left = leave(made, **what) if what is not None else plant(made, b"")
        contents.append(left.read_bytes())
        left.unlink()
    for place, data in zip(places, contents):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        place.chmod(0o600)
        os.chown(place, *made.metadata[:2])
    return places


@pytest.mark.parametrize("other", ["a doubt", "an older answer", "empty", "torn overwrite"])
@pytest.mark.parametrize("answer_is_beside", [True, False])
def test_of_two_journals_the_one_with_the_answer_counts(answer_is_beside: bool, other: str,
                                                        trakt: Any, tmp_path: Path) -> None:
    """As a container and its host may leave them, which have two state directories."""
    made = scenes.scene(trakt, tmp_path)
    old = token(made)
    answer = {"spent": old, "answer": body(spend(made))}
    others: dict[str, Mapping[str, Any] | None] = {
        "a doubt": {"spent": old}, "empty": None,
        "an older answer": {"spent": "older", "answer": b'{"access_token": "a"}'},
        "torn overwrite": {"spent": old, "before": b"a: 1\n", "content": b"a: 2\n"}}
    both = (answer, others[other]) if answer_is_beside else (others[other], answer)
    leave_two(made, *both)
    if other != "an older answer":  # Here, it is as old.
        assert "would put in" in made.authorize("--dry-run").out
    assert outcome(made.authorize()) == "adopted"
    assert trakt.asked() == 1 and trakt.honoured() == [token(made)]
    assert_clean(made)


@pytest.mark.parametrize("doubt_is_beside", [True, False])
def test_of_two_journals_the_one_with_the_doubt_counts(doubt_is_beside: bool, trakt: Any,
                                                       tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path, age=ALMOST)
    doubt: tuple[Mapping[str, Any] | None, ...] = ({"spent": token(made)}, None)
    leave_two(made, *(doubt if doubt_is_beside else doubt[::-1]))
    assert outcome(made.authorize()) == "kept" and trakt.asked() == 0
    assert outcome(made.authorize("--force")) == "refreshed"
    assert_clean(made)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("words", [("authorize", "--force"), ("logout",), ("logout", "--local")],
                         ids=" ".join)
@pytest.mark.parametrize("doubts", [(True, False), (False, True), (True, True)])
def test_of_two_journals_neither_stays_when_what_it_doubts_is_gone(
        words: tuple[str, ...], doubts: tuple[bool, bool], trakt: Any, tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path, age=FRESH)
    doubt = {"spent": token(made)}
    leave_two(made, *(doubt if is_doubtful else None for is_doubtful in doubts))
    ended = forked(command(*words, made.config), environ=made.environ)
    assert ended.status == 0 and trakt.spent_again() == 0, str(ended)
    assert_clean(made)


def test_of_two_journals_neither_stays_when_the_token_is_refused(trakt: Any,
                                                                 tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path, age=DUE)
    doubt = {"spent": token(made)}
    leave_two(made, doubt, doubt)
    spend(made)
    ended = made.authorize()
    assert ended.status == 3 and "was lost" in ended.err, str(ended)
    assert_clean(made)


@pytest.mark.parametrize("torn_is_beside", [True, False])
def test_of_two_journals_a_login_finishes_either(torn_is_beside: bool, trakt: Any,
                                                 tmp_path: Path) -> None:
    """Before it puts a client in, and not over half a file."""
    made = scenes.scene(trakt, tmp_path)
    before = b"trakt:\n  client_id:\n  client_secret:\nx: 1\n"
    content = before.replace(b"1", b"2" * 9)
    torn: tuple[Mapping[str, Any] | None, ...] = ({"before": before, "content": content}, None)
    leave_two(made, *(torn if torn_is_beside else torn[::-1]))
    made.config.write_bytes(before + content[len(before):])
    with registered(made.config, NewClient("id", "secret"),
                    Options(environ=made.environ)):
        data = made.config.read_bytes()
    assert b"x: 222222222\n" in data and b"client_id: id\n" in data


@pytest.mark.parametrize("newer_is_beside", [True, False])
def test_of_two_journals_one_is_a_newer_version_s(newer_is_beside: bool, trakt: Any,
                                                  tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path)
    left = leave_two(made, None, None)[0 if newer_is_beside else 1]
    left.write_bytes(b"trakt_config journal 2\nwhatever")
    ended = made.authorize()
    assert (ended.status, trakt.asked()) == (5, 0) and "newer version" in ended.err
    assert left.read_bytes() == b"trakt_config journal 2\nwhatever"


def test_of_two_journals_one_cannot_be_used(trakt: Any, tmp_path: Path) -> None:
    """It may hold the answer, so nothing is sent."""
    made = scenes.scene(trakt, tmp_path)
    beside, _ = leave_two(made, None, {"spent": token(made)})
    os.link(beside, tmp_path / "a second name")
    for options in ((), ("--dry-run",)):
        ended = made.authorize(*options)
        assert (ended.status, trakt.asked()) == (5, 0) and str(beside) in ended.err


def test_an_answer_with_a_refresh_token_alone(trakt: Any, tmp_path: Path) -> None:
    """That one is spent for a whole pair."""
    made = scenes.scene(trakt, tmp_path)
    leave(made, spent=token(made), answer=body(spend(made), access_token=None))
    assert outcome(made.authorize()) == "refreshed"
    assert trakt.honoured() == [token(made)]
    assert_clean(made)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b"[1]", b'{"access_token": 1}'])
def test_an_answer_of_no_use(answer: bytes, trakt: Any, tmp_path: Path) -> None:
    """As if there had been none: one try, and if that is refused, a person has to sign in."""
    made = scenes.scene(trakt, tmp_path)
    leave(made, spent=token(made), answer=answer)
    assert outcome(made.authorize()) == "refreshed"
    assert_clean(made)
    made = scenes.scene(trakt, tmp_path)
    leave(made, spent=token(made), answer=answer)
    spend(made)
    ended = made.authorize()
    assert ended.status == 3 and "was lost" in ended.err
    assert_clean(made)


@pytest.mark.parametrize("age, status", [(FRESH, 0), (ALMOST, 0), (DUE, 5)])
def test_a_newer_version_of_the_format_is_left(age: int, status: int, trakt: Any,
                                               tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path, age=age)
    left = plant(made, b"trakt_config journal 2\nwhatever")
    ended = made.authorize()
    assert (ended.status, trakt.asked()) == (status, 0) and "newer version" in ended.err
    assert left.read_bytes() == b"trakt_config journal 2\nwhatever"
    assert made.config.read_bytes() == made.before


@pytest.mark.parametrize("note", [b"[1]", b"{", b'{"more": 1}', b"null", b"\xff"])
def test_a_note_of_another_version_is_left(note: bytes, trakt: Any, tmp_path: Path) -> None:
    """The checksum says that it is whole, so somebody knows what it means."""
    made = scenes.scene(trakt, tmp_path)
    opened = journal.acquire(str(made.config), {}, lambda: None, print)
    opened.begin(note, 1000)
    opened.append(b"answer", body(trakt.issue_authorization()), time.time())
    opened.close(remove=False)
    assert (made.authorize().status, trakt.asked()) == (5, 0)
    assert os.path.exists(opened.path)


@pytest.fixture(params=["format", "note"])
def target(request: pytest.FixtureRequest, trakt: Any, tmp_path: Path) -> Iterator[Path]:
    """A config without an authorization, where another version has left a journal: it stays."""
    path = tmp_path / "target.yml"
    path.write_text(f"trakt:\n  client_id: {App.client_id}\n  authorization:\n")
    opened = journal.acquire(str(path), {}, lambda: None, print)
    opened.begin(b'{"more": 1}', 100)
    opened.close(remove=False)
    left = Path(opened.path)
    if request.param == "format":
        left.write_bytes(b"trakt_config journal 99\nwhatever\n")
    before = path.read_bytes(), left.read_bytes()
    yield path
    assert (path.read_bytes(), left.read_bytes()) == before and trakt.asked() == 0


def test_a_copy_with_a_journal_of_another_version(target: Path, trakt: Any,
                                                  tmp_path: Path) -> None:
    ended = scenes.scene(trakt, tmp_path, age=FRESH).authorize("--copy-to", target)
    assert ended.status == 5 and "newer version" in ended.err, str(ended)


def test_a_login_where_another_version_has_left_a_journal(target: Path, trakt: Any) -> None:
    with pytest.raises(SaveError, match="newer version"):
        with registered(target, NewClient(client_secret="secret"), Options()):
            pytest.fail("it was written")
