"""Where the journal and the replacement of a config stand."""
from __future__ import annotations

import os
from collections.abc import Mapping

from trakt_config.errors import pass_on_hosts, suppress_systems
from trakt_config.storage.files import in_folder_of

_SUFFIX = ".trakt-journal"
_TEMPORARY_SUFFIX = ".new"
#: Some file systems (eCryptfs) allow 143 bytes a name; longer ones are replaced by a hash. The
#: config's replacement has four bytes more than the journal.
_LONGEST_NAME = 139


def beside(config: str) -> str:
    """Where the journal of `config` stands: in its folder, hidden, never ending in .yml."""
    folder, name = os.path.split(config)
    if len(os.fsencode(name)) + 1 + len(_SUFFIX) > _LONGEST_NAME:
        name = name_of(name)
    return in_folder_of(config, os.path.join(folder, f".{name}{_SUFFIX}"))


def in_state_directory(config: str, environ: Mapping[str, str]) -> str | None:
    """Where it stands when the folder takes no file; None without a home directory."""
    directory = _state_directory(environ)
    return directory and os.path.join(directory, name_of(config) + _SUFFIX)


def _state_directory(environ: Mapping[str, str]) -> str | None:
    own = environ.get("TRAKT_CONFIG_STATE_DIR")
    if own:
        return os.path.abspath(own)
    state = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # The XDG specification: a relative path is to be ignored.
        home = environ.get("HOME") or environ.get("USERPROFILE") or ""
        if not os.path.isabs(home):
            return None
        state = os.path.join(home, ".local", "state")
    return os.path.join(state, "trakt_config")


def name_of(config: str) -> str:
    """What stands for a config, or for a long name, where the files of many are."""
    import hashlib  # not for a fresh run: it loads OpenSSL
    return hashlib.sha256(os.fsencode(config)).hexdigest()[:32]


def journal_exists(config: str, environ: Mapping[str, str]) -> bool:
    """Whether there is a journal of `config` in either place."""
    if os.path.lexists(beside(config)):
        return True
    directory = _state_directory(environ)
    if directory is None or not os.path.lexists(directory):
        return False
    elsewhere = in_state_directory(config, environ)
    return elsewhere is not None and os.path.lexists(elsewhere)


def left_without_config(config: str, environ: Mapping[str, str]) -> str:
    """The journal with something in it, where its config is gone; else empty."""
    try:
        config = os.path.realpath(config)
        if os.path.lexists(config):
            return ""
        places = beside(config), in_state_directory(config, environ)
    except (OSError, ValueError) as error:  # No path at all.
        pass_on_hosts(error)
        return ""
    for path in filter(None, places):
        with suppress_systems(OSError, ValueError):
            if os.stat(path).st_size:
                return path
    return ""


def other_journals(config: str, environ: Mapping[str, str]) -> list[str]:
    """The journals of other configs, in the folder of `config` and in the state directory."""
    near, elsewhere = beside(config), in_state_directory(config, environ)
    found = []
    for own in filter(None, (near, elsewhere)):
        folder = os.path.dirname(own)
        with suppress_systems(OSError):
            found += [os.path.join(folder, name) for name in sorted(os.listdir(folder))
                      if name.endswith(_SUFFIX)]
    return [path for path in found if path not in (near, elsewhere)]


def temporary(config: str) -> str:
    """The name of the config's replacement while it is written: one, so a killed run's is found."""
    return in_folder_of(config, beside(config) + _TEMPORARY_SUFFIX)
