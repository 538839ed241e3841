"""Overwriting in place: what a cut can leave is finished, and nothing else is touched."""
from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trakt_config.authorization.save import MERGES
from trakt_config.errors import LARGEST_CONFIG
from trakt_config.storage import journal, overwrite, places, records
from trakt_config.storage.journal_file import Journal
from trakt_config.storage.overwrite import Changed, is_half_new, is_torn
from trakt_config.storage.records import JournalContent

OLD = b"trakt:\n  authorization:\n    access_token: old\n"
NEW = b"trakt:\n  authorization:\n    access_token: new and longer\n"
SECTOR = 512


def quiet(text: str) -> None:
    raise AssertionError(text)


def never() -> None:
    raise AssertionError("nobody else holds it")


def hold(config: Path, room: int = 4096) -> Journal:
    opened = journal.acquire(str(config), {}, never, quiet)
    opened.begin(b"note", room)
    return opened


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yml"
    path.write_bytes(OLD)
    return path


# -- what a cut leaves ---------------------------------------------------------------------------

def states(before: bytes, content: bytes) -> Iterator[bytes]:
    """Every state of a file of less than a sector that an overwrite goes through, in its order;
    and what a power cut makes of it, as long as the longer part is not synced.
    """
    length, longer = len(before), content[len(before):]
    for written in range(len(longer) + 1):
        for kept in range(written + 1):
            yield before + longer[:kept] + bytes(written - kept)
    for written in range(min(length, len(content)) + 1):
        yield content[:written] + before[written:] + longer
    yield content


PAIRS = [(bytes(before), bytes(content))
         for before_length, content_length in itertools.product(range(4), repeat=2)
         for before in itertools.product(b"ab", repeat=before_length)
         for content in itertools.product(b"ab", repeat=content_length)]
FILES = [bytes(data) for length in range(5) for data in itertools.product(b"ab\0", repeat=length)]


def test_what_a_cut_can_leave_is_recognised_and_nothing_else() -> None:
    """Every small overwrite, and every small file."""
    for before, content in PAIRS:
        possible = set(states(before, content))
        for current in FILES:
            if current != content:
                assert is_torn(current, before, content) is (current in possible), (
                    current, before, content)


class Cut(Exception):
    """The power is cut."""


@pytest.mark.parametrize("before, content", [
    (b"0123456789", b"abcdefghijklmno"), (b"0123456789", b"abcd"), (b"0123", b"abcd"),
    (b"", b"abcd"), (b"0123", b""), (b"o" * 700, b"n" * 1500), (b"o" * 1500, b"n" * 700)])
def test_an_overwrite_that_is_cut_at_any_byte_is_finished(
        before: bytes, content: bytes, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real writes, each of which takes a few bytes; and the finishing is cut as well."""
    step = 1 if len(before) < 100 else 97
    for allowed in range(0, len(before) + len(content) + step, step):
        config.write_bytes(before)
        cut_after(allowed, step, monkeypatch)
        fd = os.open(config, os.O_RDWR)
        try:
            overwrite._write_over(fd, len(before), content)
        except Cut:
            pass
        finally:
            os.close(fd)
        left = JournalContent(note=b"", before=before, content=content)
        cut_after(allowed // 2, step, monkeypatch)
        try:
            overwrite.finish_overwrite(str(config), left)
        except Cut:
            pass
        monkeypatch.undo()
        overwrite.finish_overwrite(str(config), left)
        assert config.read_bytes() == content, allowed


def cut_after(allowed: int, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let os.write take `step` bytes at a time, and raise when `allowed` are written."""
    real, left = os.write, [allowed]

    def write(fd: int, data: bytes) -> int:
        if left[0] <= 0:
            raise Cut
        written = real(fd, bytes(data[:step]))
        left[0] -= written
        return written

    monkeypatch.undo()
    monkeypatch.setattr(os, "write", write)


def grown(size: int, letter: bytes) -> bytes:
    return b"".join(b"%s%06d\n" % (letter, number) for number in range(size // 8 + 1))[:size]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2000), st.integers(0, 2000), st.data())
def test_a_power_cut_keeps_some_sectors_and_not_others(before_size: int, content_size: int,
                                                       data: st.DataObject) -> None:
    """Of the part that is overwritten, once the longer part is synced."""
    before, content = grown(before_size, b"o"), grown(content_size, b"n")
    mixed = bytearray(before)
    for start in range(0, min(before_size, content_size), SECTOR):
        end = min(start + SECTOR, before_size, content_size)
        cut = data.draw(st.integers(start, end))
        mixed[start:cut] = content[start:cut]
    assert is_torn(bytes(mixed) + content[before_size:], before, content)


@settings(max_examples=500, deadline=None)
@given(st.integers(1, 1500), st.integers(1, 1500), st.data())
def test_an_edit_of_a_person_is_not_taken_for_a_cut(before_size: int, content_size: int,
                                                    data: st.DataObject) -> None:
    """Something of theirs in the old file or the new one."""
    before, content = grown(before_size, b"o"), grown(content_size, b"n")
    edited = data.draw(st.sampled_from([before, content]))
    start = data.draw(st.integers(0, len(edited)))
    end = data.draw(st.integers(start, len(edited)))
    typed = data.draw(st.binary(min_size=1, max_size=20).filter(lambda text: b"\0" not in text))
    assume(not set(typed) <= set(b"on\n0123456789"))
    assert not is_torn(edited[:start] + typed + edited[end:], before, content)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 1500), st.integers(1, 1500), st.data())
def test_what_a_person_shortened_is_theirs(before_size: int, content_size: int,
                                           data: st.DataObject) -> None:
    """No overwrite leaves less than the shorter of the two."""
    before, content = grown(before_size, b"o"), grown(content_size, b"n")
    size = data.draw(st.integers(0, min(before_size, content_size) - 1))
    assert not is_torn(before[:size], before, content)
    assert not is_torn(content[:size], before, content)
    assert not is_torn(content[:size // 2] + before[size // 2:size], before, content)


@pytest.mark.parametrize("old, new", [
    (b"0ld-" * 8, b"New=" * 8), (b"0ld-" * 8, b"New=" * 3), (b"0ld-" * 3, b"New=" * 8)],
    ids=["as long", "shorter", "longer"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""], ids=["LF", "CRLF", "nothing"])
def test_half_a_value_is_recognised_in_a_file_that_was_edited_since(
        end: bytes, old: bytes, new: bytes) -> None:
    """Wherever in it the overwrite was cut; neither the whole ones nor a person's own is half."""
    before, content = (b"a: 1" + b"\n  token: " + value + end for value in (old, new))
    start = content.index(new)
    for cut in range(start + 1, min(len(before), start + len(new))):
        torn = content[:cut] + before[cut:]
        value = torn[start:].split(b"\n")[0].rstrip()
        current = b"# edited\n" + torn
        assert is_half_new(value, current, new, before, content), current
    for value in (b"another", new[:-1] + b"x", new + b"x", b"x" + old[1:], b"missing"):
        current = b"a: 1\n  token: " + value.replace(b"missing", b"") + end
        assert not is_half_new(value, current, new, before, content)
    assert not is_half_new(b"value", b"value", b"not there", before, content)


def test_zeros_in_the_part_that_was_there_are_no_cut() -> None:
    """A file system makes them up only where the file grew."""
    assert is_torn(OLD + bytes(3), OLD, OLD + b"123")
    assert not is_torn(bytes(len(OLD)) + b"123", OLD, OLD + b"123")


def finished(current: bytes, before: bytes, content: bytes, path: Path) -> bytes:
    path.write_bytes(current)
    overwrite.finish_overwrite(str(path), JournalContent(note=b"", before=before, content=content))
    return path.read_bytes()


@pytest.mark.parametrize("current", [
    b"trakt: edited\n", OLD + b"# a comment\n", NEW + b"# a comment\n", b"",
    OLD.replace(b"old", b"mine"), OLD[:-1], OLD[:20], NEW[:-1], NEW[:20],
])
def test_a_file_that_was_edited_since_is_left_as_it_is(current: bytes, config: Path) -> None:
    """Somebody has repaired it already."""
    assert finished(current, OLD, NEW, config) == current


def test_a_file_that_has_the_new_content_is_not_written(config: Path) -> None:
    """Its time stays."""
    config.write_bytes(NEW)
    os.utime(config, (1, 1))
    overwrite.finish_overwrite(str(config), JournalContent(note=b"", before=OLD, content=NEW))
    assert config.stat().st_mtime == 1


@pytest.mark.parametrize("left_over", [
    JournalContent(note=b""), JournalContent(note=b"", before=OLD), JournalContent(newer=True),
])
def test_without_both_contents_nothing_is_finished(left_over: JournalContent, config: Path) -> None:
    """The overwrite had not begun."""
    overwrite.finish_overwrite(str(config), left_over)
    assert config.read_bytes() == OLD


def link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def fifo(path: Path, target: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("plant", [link, fifo])
def test_nothing_but_a_regular_file_is_finished(plant: Any, tmp_path: Path) -> None:
    """Whoever owns the folder could lead a run of root's to any file, or let it hang."""
    target, path = tmp_path / "of-root", tmp_path / "config.yml"
    target.write_bytes(b"old")
    plant(path, target)
    with pytest.raises(OSError):
        overwrite.finish_overwrite(str(path), JournalContent(before=b"old", content=b"new"))
    assert target.read_bytes() == b"old"


# -- two tries -----------------------------------------------------------------------------------

def left_by(opened: Journal) -> JournalContent:
    opened.close(remove=False)
    with open(opened.path, "rb") as stream:
        found = records.parse(stream.read())
    assert found is not None
    return found


def test_contents_of_two_tries_are_never_a_pair(config: Path) -> None:
    """Killed in the second try before its content was down; as earlier releases left it, too."""
    opened = hold(config)
    for kind, payload in ((b"before", b"1"), (b"content", b"2"), (b"before", b"3")):
        opened.append(kind, payload)
    found = left_by(opened)
    assert (found.before, found.content) == (b"3", None)


def test_a_try_that_found_the_file_changed_leaves_no_pair(config: Path) -> None:
    """Nothing was overwritten, so there is nothing to finish; the answer stays."""
    opened = hold(config)
    opened.record_answer(b"answer", 1)
    with pytest.raises(Changed):
        overwrite.overwrite(str(config), b"what it was", NEW, opened)
    found = left_by(opened)
    assert (found.answer, found.before, found.content) == (b"answer", None, None)


def test_the_next_try_leaves_its_own_pair_alone(config: Path) -> None:
    """In the same run, and in a run that found the pair of a killed one."""
    opened = hold(config)
    opened.record_answer(b"answer", 1)
    for before, content in ((b"1", b"2"), (b"3", b"4")):
        opened.record_overwrite(before, content)
    opened.close(remove=False)
    size = os.path.getsize(opened.path)
    opened = journal.acquire(str(config), {}, never, quiet)
    assert opened.unfinished() is not None
    opened.record_overwrite(b"5", b"6")
    found = left_by(opened)
    assert (found.answer, found.before, found.content) == (b"answer", b"5", b"6")
    assert os.path.getsize(opened.path) == size


CALLS = ("open", "fstat", "lseek", "write", "fsync", "read", "ftruncate")


@pytest.mark.parametrize("new", [NEW, OLD.replace(b"old", b"new"), OLD[:-2]],
                         ids=["longer", "as long", "shorter"])
@pytest.mark.parametrize("saved", [OLD, OLD + b"# edited\n"], ids=["as it was", "edited"])
def test_a_file_that_took_the_name_meanwhile_is_not_taken_for_the_one_that_was_written(
        saved: bytes, new: bytes, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor saves by rename at each call: what was written over has no name any more."""
    theirs = config.with_name("theirs")
    for step in itertools.count(1):
        config.write_bytes(OLD)
        theirs.write_bytes(saved)
        opened = hold(config)
        opened.record_answer(b"answer", 1)
        calls = itertools.count(1)
        with monkeypatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, saving_at(step, calls, theirs, config, getattr(os, name)))
            try:
                overwrite.overwrite(str(config), OLD, new, opened)
                assert config.read_bytes() == new, f"call {step}: written to no file"
            except Changed:
                assert config.read_bytes() == saved, f"call {step}"
        left = left_by(opened)
        assert left.content is None or config.read_bytes() == left.content
        if theirs.exists():
            break
    assert step > 10


def saving_at(step: int, calls: Iterator[int], theirs: Path, config: Path, real: Any) -> Any:
    def call(*arguments: Any, **more: Any) -> Any:
        if next(calls) == step:
            os.replace(theirs, config)
        return real(*arguments, **more)
    return call


@pytest.mark.parametrize("name", ["ftruncate", "fsync", "write"])
@pytest.mark.parametrize("step", range(1, 8))
def test_a_journal_that_fails_in_the_second_try_never_pairs_it_with_the_first(
        name: str, step: int, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of the second try fails, and the config is as the first try left it: edited."""
    opened = hold(config)
    opened.record_answer(b"answer", 1)
    with pytest.raises(Changed):
        overwrite.overwrite(str(config), b"what it was", b"1" * len(OLD), opened)
    real, calls = getattr(os, name), [0]

    def fail(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == step:
            raise OSError(errno.EIO, "no")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        try:
            overwrite.overwrite(str(config), OLD, NEW, opened)
        except OSError:
            pass
    found = left_by(opened)
    assert found.answer == b"answer"
    assert (found.before, found.content) in ((None, None), (OLD, None), (OLD, NEW))
    overwrite.finish_overwrite(str(config), found)
    assert config.read_bytes() in (OLD, NEW)


def test_the_largest_config_fits_a_journal_after_any_number_of_tries(config: Path) -> None:
    """With two of the largest answers before it, and more than is read of a config."""
    largest = LARGEST_CONFIG
    old, new = b"o" * largest, b"n" * largest
    opened = hold(config, 0)
    for _ in range(2):
        opened.record_answer(b"a" * 288 * 1024, 1)
    for _ in range(MERGES):
        config.write_bytes(old)
        with pytest.raises(Changed):
            overwrite.overwrite(str(config), new, new, opened)
    opened.record_overwrite(old, new)
    assert os.path.getsize(opened.path) < records.LARGEST_JOURNAL
    opened.close(remove=False)
    config.write_bytes(new[:1000] + old[1000:])
    opened = journal.acquire(str(config), {}, never, quiet)
    found = opened.unfinished()
    opened.close(remove=True)
    assert found is not None and found.answer is not None
    overwrite.finish_overwrite(str(config), found)
    assert config.read_bytes() == new
    assert not os.path.exists(places.beside(str(config)))
