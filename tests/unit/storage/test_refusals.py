"""The note of a refusal: it is there where it can be, and never in the way."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from trakt_config.storage.refusals import recall_refusal, remember_refusal


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME", "USERPROFILE"])
def test_what_is_remembered_is_recalled(variable: str, tmp_path: Path) -> None:
    """Of this config alone; the last one counts; no other user may read it."""
    environ = {variable: str(tmp_path)}
    for note in (b"a longer note", b"a note"):
        remember_refusal("/a.yml", note, environ)
    remember_refusal("/b.yml", b"another", environ)
    assert recall_refusal("/a.yml", environ) == b"a note"
    assert recall_refusal("/c.yml", environ) == b""
    notes = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(notes) == 2 and all(path.stat().st_mode & 0o077 == 0 for path in notes)


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"},
                                     {"XDG_CACHE_HOME": "relative"}])
def test_without_a_place_nothing_is_remembered(environ: dict[str, str], tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    remember_refusal("/a.yml", b"a note", environ)
    assert recall_refusal("/a.yml", environ) == b"" and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
@pytest.mark.parametrize("what", ["a file for the folder", "a link", "a second name", "a folder",
                                  "a FIFO"])
def test_what_stands_in_its_place_does_no_harm(what: str, tmp_path: Path) -> None:
    """Nothing is written through a link or to another name's file; nobody waits at a FIFO."""
    environ, victim = {"XDG_CACHE_HOME": str(tmp_path)}, tmp_path / "victim"
    victim.write_bytes(b"theirs")
    remember_refusal("/a.yml", b"a note", environ)
    (note,) = (tmp_path / "trakt_config").iterdir()
    note.unlink()
    if what == "a link":
        note.symlink_to(victim)
    elif what == "a second name":
        os.link(victim, note)
    elif what == "a folder":
        note.mkdir()
    elif what == "a FIFO":
        os.mkfifo(note)
    else:
        note.parent.rmdir()
        note.parent.write_bytes(b"theirs")
    remember_refusal("/a.yml", b"a note", environ)
    assert recall_refusal("/a.yml", environ) in (b"", b"theirs")
    assert victim.read_bytes() == b"theirs"
