"""The journal: what it says after any cut, where it stands, and who holds it."""
from __future__ import annotations

import errno
import math
import os
import stat
import threading
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support import children, mounts
from trakt_config.errors import SaveError
from trakt_config.storage import files, journal, journal_file, places, records
from trakt_config.storage.journal_file import Journal
from trakt_config.storage.records import JournalContent, parse

ROOM = 4096
NOTE = b'{"refresh_token": "d1ge57"}'
ANSWER = b'{"access_token": "a", "refresh_token": "r\\n"}\n'
NOW = 1_790_000_000

RECORDS = [(b"answer", ANSWER, NOW), (b"before", b"a: 1\n", 0), (b"content", b"a: 2\n" * 3, 0)]


class TimeIsUp(Exception):
    """What a wait raises in the end."""


def never() -> None:
    raise TimeIsUp


def quiet(text: str) -> None:
    raise AssertionError(text)


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "config.yml").write_bytes(b"trakt:\n")
    return str(tmp_path / "config.yml")


def acquire(config: str, environ: dict[str, str] | None = None,
            wait: Callable[[], None] = never) -> Journal:
    return journal.acquire(config, environ or {}, wait, quiet)


def written(config: str, records: Any = (), room: int = ROOM) -> bytes:
    """The bytes of a journal with `records`, as a killed run leaves it."""
    opened = acquire(config)
    opened.begin(NOTE, room)
    for record in records:
        opened.append(*record)
    opened.close(remove=False)
    return Path(places.beside(config)).read_bytes()


# -- the format ----------------------------------------------------------------------------------

def test_what_is_written_is_read_again(config: str) -> None:
    """By the next run, in the order in which it happened."""
    written(config, RECORDS)
    opened = acquire(config)
    found = opened.unfinished()
    opened.close(remove=False)
    assert found is not None
    assert (found.note, found.answer, found.answered_at, found.before, found.content,
            found.newer) == (NOTE, ANSWER, NOW, b"a: 1\n", b"a: 2\n" * 3, False)


@pytest.mark.parametrize("clock", [-1.0, -2e9, 1e15, 1e300, math.inf, math.nan])
def test_no_clock_keeps_a_journal_from_being_read(
        clock: float, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some machines wake up in the sixties; what Trakt answered is there all the same."""
    monkeypatch.setattr("time.time", lambda: clock)
    found = parse(written(config, [(b"answer", ANSWER, clock)]))
    assert found is not None and (found.answer, found.answered_at) == (ANSWER, 0)


def test_a_journal_that_was_only_begun_has_a_note_and_nothing_else(config: str) -> None:
    """A request may have been sent: its outcome is unknown."""
    found = parse(written(config))
    assert found is not None
    assert found == JournalContent(note=NOTE, size=found.size, kept_size=found.size,
                                   note_size=found.size)


def test_the_last_answer_counts(config: str) -> None:
    """A request that was repeated has two."""
    found = parse(written(config, [(b"answer", b"first", NOW), (b"answer", b"second", NOW + 5)]))
    assert found is not None
    assert (found.answer, found.answered_at) == (b"second", NOW + 5)


@pytest.mark.parametrize("matters", [True, False])
def test_a_note_takes_back_what_was_there(matters: bool, config: str) -> None:
    """Which was finished before; where its note still matters, that goes on standing there, and
    nothing else: an answer of no use has up to 256 KiB, and there may be one after each run.
    """
    noted = len(written(config, room=0))
    written(config, RECORDS)
    opened = acquire(config)
    opened.unfinished()
    opened.is_needed = matters
    opened.begin(b"second", 0)
    opened.close(remove=False)
    data = Path(places.beside(config)).read_bytes()
    found = parse(data)
    assert found == JournalContent(note=b"second", size=len(data), kept_size=len(data),
                                   note_size=len(data))
    assert (NOTE in data) is matters and (len(data) > noted) is matters
    assert not any(payload in data for _, payload, *_ in RECORDS)


def test_notes_do_not_pile_up_for_ever(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = written(config, room=0)
    monkeypatch.setattr(journal_file, "MOST_BEFORE_A_NOTE", len(first))
    sizes = [len(written(config, room=0)) for _ in range(4)]
    assert sizes[0] == sizes[2] > sizes[1] == sizes[3] == len(first)


def test_the_repr_of_a_left_over_has_no_token() -> None:
    """It holds an answer and two configs."""
    shown = repr(JournalContent(note=b"NOTE", answer=b"ANSWER", before=b"BEFORE",
                                content=b"CONTENT"))
    assert not any(word in shown for word in ("NOTE", "ANSWER", "BEFORE", "CONTENT"))


@pytest.mark.parametrize("data, expected", [
    (b"", None),
    (b"\0" * 100, None),
    (b"trakt_config", None),
    (b"trakt_config journal ", None),
    (b"trakt_config journal 1", None),
    (b"trakt_config journal 1\n", None),
    (b"trakt_config journal x\nnote", None),
    (b"trakt_config journal -2\n", None),
    (b"something: else\n", None),
    (b"trakt_config journal 2\n", JournalContent(newer=True)),
    (b"trakt_config journal 2\nanything \xff", JournalContent(newer=True)),
    (b"trakt_config journal 10\n", JournalContent(newer=True)),
    (b"trakt_config journal 99999999999999999999\n", JournalContent(newer=True)),
])
def test_the_header_says_what_it_is(data: bytes, expected: JournalContent | None) -> None:
    """Torn before the note, or not ours: nothing. A newer version's: left to it."""
    assert parse(data) == expected


def test_wherever_a_journal_is_cut_the_whole_records_before_the_cut_count(config: str) -> None:
    """And what is appended there is read, with all that was whole before."""
    data = written(config, RECORDS).rstrip(b"\0")
    complete = parse(data)
    assert complete is not None
    for cut in range(len(data) + 1):
        found = parse(data[:cut])
        if found is None:
            assert cut < data.index(NOTE) + len(NOTE)
            continue
        for name in ("note", "answer", "before", "content"):
            assert getattr(found, name) in (None, getattr(complete, name))
        Path(places.beside(config)).write_bytes(data[:cut])
        opened = acquire(config)
        opened.unfinished()
        opened.append(b"before", b"appended")
        opened.append(b"content", b"appended too")
        opened.close(remove=False)
        again = parse(Path(places.beside(config)).read_bytes())
        assert again is not None
        assert (again.note, again.answer) == (found.note, found.answer)
        assert (again.before, again.content) == (b"appended", b"appended too")


def test_a_flipped_bit_ends_what_is_believed(config: str) -> None:
    """The checksum is of every byte of the payload."""
    data = written(config, RECORDS).rstrip(b"\0")
    for place in range(data.index(ANSWER), data.index(ANSWER) + len(ANSWER)):
        torn = bytearray(data)
        torn[place] ^= 1
        found = parse(bytes(torn))
        assert found is not None
        assert found.note == NOTE and found.answer is None and found.content is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
@example(b"note 1 2 3\n")
@example(b"note 1 99999999999999999999 x\n")
@example(b"note 99999999999999999999 0 x\n")
@example("note ² ³ x\n".encode())
def test_garbage_is_never_a_record(garbage: bytes) -> None:
    """Neither as a whole journal, nor behind its first line."""
    assert parse(garbage) is None
    assert parse(b"trakt_config journal 1\n" + garbage) is None


@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=200), rest=st.binary(max_size=40))
def test_any_payload_is_read_again_whatever_follows(payload: bytes, rest: bytes) -> None:
    """Answers are anything; what follows is room that was reserved, or torn."""
    record = records.record(b"note", payload, NOW)
    found = parse(b"trakt_config journal 1\n" + record + rest)
    assert found is not None and found.note == payload


def test_a_record_that_was_not_taken_whole_is_not_in_the_way_of_the_next(
        config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk was full for the answer, and the overwrite of the config comes after it."""
    opened = acquire(config)
    opened.begin(NOTE, ROOM)
    write = os.write

    def half(fd: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", full)
        return write(fd, bytes(data[:len(data) // 2]))

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")
    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError):
        opened.append(b"answer", ANSWER, NOW)
    monkeypatch.setattr(os, "write", write)
    opened.append(b"before", b"old")
    opened.append(b"content", b"new")
    opened.close(remove=False)
    found = parse(Path(places.beside(config)).read_bytes())
    assert found is not None
    assert (found.answer, found.before, found.content) == (None, b"old", b"new")


# -- room ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [None, errno.EOPNOTSUPP, errno.EINVAL])
def test_room_is_reserved_before_anything_is_spent(
        number: int | None, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real blocks, also where the file system cannot allocate by itself."""
    def refuse(fd: int, offset: int, length: int) -> None:
        raise OSError(number, "no")
    if number is not None:
        monkeypatch.setattr(os, "posix_fallocate", refuse)
    room = 1 << 20
    opened = acquire(config)
    opened.begin(NOTE, room)
    status = os.stat(opened.path)
    assert status.st_size >= room and status.st_blocks * 512 >= room
    opened.append(b"answer", ANSWER, NOW)
    opened.give_back_room()
    assert os.stat(opened.path).st_size < 1000
    opened.close(remove=False)
    found = parse(Path(places.beside(config)).read_bytes())
    assert found is not None and found.answer == ANSWER


def test_a_full_disk_is_found_before_anything_is_spent(
        config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC is never forgiven."""
    def full(fd: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "full")
    monkeypatch.setattr(os, "posix_fallocate", full)
    opened = acquire(config)
    with pytest.raises(OSError):
        opened.begin(NOTE, ROOM)
    opened.close(remove=True)


# -- places --------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["config.yml", "config.yaml", ".yml", "a b\n.yml", "\udcff.yml"])
def test_the_journal_stands_beside_the_config_and_is_no_config(name: str) -> None:
    """Hidden, and not ending in .yml or .yaml, which media managers take for theirs."""
    path = places.beside(os.path.join("/folder", name))
    folder, own = os.path.split(path)
    assert folder == "/folder" and own == f".{name}.trakt-journal"


@pytest.mark.parametrize("length", range(120, 256, 5))
def test_a_long_name_still_has_a_journal_and_a_replacement(length: int) -> None:
    """File systems allow 255 bytes a name, eCryptfs 143."""
    name = "x" * (length - 4) + ".yml"
    assert len(os.path.basename(places.beside(name))) + len(".new") <= 143
    assert places.beside(name) != places.beside("y" + name[1:])
    assert places.beside(name) == places.beside(name)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("environ, folder", [
    ({"TRAKT_CONFIG_STATE_DIR": "/state", "XDG_STATE_HOME": "/xdg", "HOME": "/home/u"}, "/state"),
    ({"XDG_STATE_HOME": "/xdg", "HOME": "/home/u"}, "/xdg/trakt_config"),
    ({"XDG_STATE_HOME": "relative", "HOME": "/home/u"}, "/home/u/.local/state/trakt_config"),
    ({"HOME": "/home/u"}, "/home/u/.local/state/trakt_config"),
    ({"TRAKT_CONFIG_STATE_DIR": "", "XDG_STATE_HOME": "", "HOME": "/home/u"},
     "/home/u/.local/state/trakt_config"),
    ({"HOME": ""}, None),
    ({"HOME": "relative"}, None),
    ({}, None),
])
def test_the_state_directory_is_the_one_that_was_named(
        environ: dict[str, str], folder: str | None) -> None:
    """TRAKT_CONFIG_STATE_DIR, XDG_STATE_HOME, HOME; or there is none."""
    path = places.in_state_directory("/folder/config.yml", environ)
    assert (os.path.dirname(path) if path else None) == folder


def test_configs_do_not_share_a_journal_in_the_state_directory() -> None:
    """Its name is a digest of the real path."""
    paths = {places.in_state_directory(path, {"HOME": "/h"}) for path in ("/a/c", "/b/c", "/a/d")}
    assert len(paths) == 3


def test_it_exists_in_either_place(config: str, tmp_path: Path) -> None:
    """A link that leads nowhere exists too."""
    environ = {"TRAKT_CONFIG_STATE_DIR": str(tmp_path / "state")}
    elsewhere = places.in_state_directory(config, environ)
    assert elsewhere is not None
    assert not places.journal_exists(config, environ)
    for place in (elsewhere, places.beside(config)):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.symlink("nowhere", place)
        assert places.journal_exists(config, environ)
        os.unlink(place)
    assert not places.journal_exists(config, {})


# -- acquire -------------------------------------------------------------------------------------

@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_nobody_else_can_read_a_journal(umask: int, config: str) -> None:
    """It will hold tokens: 0600 under any umask, and with the config's owner."""
    os.chmod(config, 0o600)

    def work() -> int:
        os.umask(umask)
        opened = acquire(config)
        opened.begin(NOTE, ROOM)
        return os.stat(opened.path).st_mode
    assert stat.S_IMODE(children.run(work)) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_gives_the_journal_to_the_owner_of_the_config(config: str) -> None:
    """So that the owner's next run can finish it."""
    os.chown(config, mounts.NOBODY, mounts.NOBODY)
    opened = acquire(config)
    assert os.stat(opened.path).st_uid == mounts.NOBODY
    opened.close(remove=True)


def test_a_removed_journal_is_gone_and_a_kept_one_stays(config: str) -> None:
    """Unlocked both times."""
    for remove in (False, True):
        acquire(config).close(remove=remove)
        assert os.path.exists(places.beside(config)) is not remove


def test_a_journal_that_was_replaced_is_not_unlinked(config: str) -> None:
    """It is somebody else's by now."""
    opened = acquire(config)
    os.unlink(opened.path)
    Path(opened.path).write_bytes(b"another")
    opened.close(remove=True)
    assert Path(places.beside(config)).read_bytes() == b"another"


def link(path: str) -> None:
    Path(path + ".target").touch()
    os.symlink(path + ".target", path)


def hard_link(path: str) -> None:
    Path(path + ".target").touch()
    os.link(path + ".target", path)


@pytest.mark.parametrize("plant", [link, hard_link, os.mkfifo, os.mkdir,
                                   lambda path: os.symlink("nowhere", path)])
def test_what_somebody_planted_in_its_place_is_refused(
        plant: Callable[[Any], None], config: str, tmp_path: Path) -> None:
    """Tokens must not go where somebody else wants them; nor is another place used then."""
    plant(places.beside(config))
    with pytest.raises(SaveError) as caught:
        acquire(config, {"TRAKT_CONFIG_STATE_DIR": str(tmp_path / "state")})
    assert "remove it" in caught.value.hint
    assert not (tmp_path / "state").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_journal_of_another_user_is_refused(config: str) -> None:
    """Neither the config's owner nor we made it."""
    Path(places.beside(config)).touch()
    os.chown(places.beside(config), mounts.NOBODY, mounts.NOBODY)
    with pytest.raises(SaveError, match="belongs to another user"):
        acquire(config)


@pytest.mark.parametrize("mode, expected", [
    (0o600, 0o600), (0o640, 0o640), (0o644, 0o640), (0o664, 0o660), (0o666, 0o660), (0o777, 0o660)])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_journal_is_the_group_s_as_far_as_the_config_is(
        mode: int, expected: int, umask: int, config: str) -> None:
    """And never anybody else's."""
    os.chmod(config, mode)

    def work() -> os.stat_result:
        os.umask(umask)
        return os.stat(acquire(config).path)
    status = children.run(work)
    assert stat.S_IMODE(status.st_mode) == expected
    assert status.st_gid == os.stat(config).st_gid


def test_a_journal_that_others_could_read_is_closed_to_them(config: str) -> None:
    """Somebody copied it back from a backup."""
    os.chmod(config, 0o600)
    Path(places.beside(config)).touch(0o666)
    opened = acquire(config)
    assert stat.S_IMODE(os.stat(opened.path).st_mode) == 0o600
    opened.close(remove=True)


def test_threads_hold_it_one_at_a_time_and_nobody_holds_a_removed_one(config: str) -> None:
    """Each waits, finds the file unlinked, and makes a new one."""
    inside: list[int] = []
    most: list[int] = []
    gate = threading.Barrier(8)

    def work() -> None:
        gate.wait()
        for _ in range(5):
            opened = acquire(config, wait=lambda: None)
            inside.append(1)
            most.append(len(inside))
            assert files.same_file(opened._fd, opened.path)
            inside.pop()
            opened.close(remove=True)
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 40 and max(most) == 1
    assert not os.path.exists(places.beside(config))


def test_a_held_journal_is_waited_for(config: str) -> None:
    """As long as the caller's wait lets it."""
    opened = acquire(config)
    with pytest.raises(TimeIsUp):
        acquire(config)
    waits: list[bool] = []

    def wait() -> None:
        if not waits:
            opened.close(remove=True)
        waits.append(True)
    acquire(config, wait=wait).close(remove=True)
    assert waits


def test_a_journal_in_the_state_directory_is_used_as_long_as_it_is_there(
        config: str, tmp_path: Path) -> None:
    """The folder took no file when it was made; what it holds must be finished."""
    environ = {"TRAKT_CONFIG_STATE_DIR": str(tmp_path / "state")}
    elsewhere = places.in_state_directory(config, environ)
    assert elsewhere is not None
    os.mkdir(tmp_path / "state")
    Path(elsewhere).touch(0o600)
    opened = acquire(config, environ)
    assert opened.path == elsewhere
    opened.close(remove=True)
    opened = acquire(config, environ)
    assert opened.path == places.beside(config)
    opened.close(remove=True)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("is_there", [False, True])
def test_without_any_place_it_is_an_error_for_people(
        number: int, is_there: bool, config: str, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with the two folders."""
    environ = {"TRAKT_CONFIG_STATE_DIR": str(tmp_path / "state")}
    if is_there:
        os.mkdir(tmp_path / "state")
        Path(places.in_state_directory(config, environ) or "").touch(0o600)

    def refuse(*arguments: Any, **keywords: Any) -> None:
        raise OSError(number, "no")
    with pytest.raises(SaveError) as caught, monkeypatch.context() as patch:
        patch.setattr(os, "fstat", refuse)
        acquire(config, environ)
    assert os.strerror(number) in caught.value.message
    assert "Nothing was sent" in caught.value.hint


def test_no_descriptor_stays_open(config: str) -> None:
    """Of what was held, what was refused, and what was waited for in vain."""
    before = os.listdir("/dev/fd")
    opened = acquire(config)
    with pytest.raises(TimeIsUp):
        acquire(config)
    opened.close(remove=True)
    os.mkfifo(places.beside(config))
    with pytest.raises(SaveError):
        acquire(config)
    assert os.listdir("/dev/fd") == before
