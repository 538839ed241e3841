"""Who may use a journal: never more people than the config itself.

A journal is its writer's alone, or its group's as well where the config is the group's. One that
is found is used only where nobody could have planted it who may not write the config.
"""
from __future__ import annotations

import os
import stat

from trakt_config.startup import Record
from trakt_config.storage import files, folders, users

_ACL = "system.posix_acl_access"


class Access(Record):
    """Whose a config is.

    :ivar group_bits: what its group may do with it, of reading and writing.
    """

    uid: int
    gid: int
    group_bits: int


def of(config: str) -> Access:
    """Whose the config is, asked of the open file.

    :raises OSError: it cannot be opened.
    """
    with files.opened(config, os.O_RDONLY) as fd:
        status = os.fstat(fd)
        # With an ACL these bits are its mask, and say nothing of the group.
        bits = 0 if _has_acl(fd) else status.st_mode & 0o060
        return Access(status.st_uid, status.st_gid, bits)


def objection(fd: int, path: str, config: Access) -> str:
    """Why the open journal must not be used; empty where it may be.

    :param path: where it stands.
    :raises OSError: the system failed.
    """
    status = os.fstat(fd)
    if status.st_nlink > 1:
        return "it has several names"
    # One of root's that is not just made: the folder's owner may have renamed it here.
    is_planted = is_roots_own(fd, config) and status.st_size > 0
    is_ours = not hasattr(os, "geteuid") or status.st_uid in (config.uid, os.geteuid())
    if not is_planted and (is_ours or _is_the_groups(status, path, config)):
        return ""
    return f"it belongs to another user, {users.user_name(status.st_uid)}"


def is_roots_own(fd: int, config: Access) -> bool:
    """Whether the journal is still root's, who would have to give it to the config's owner."""
    return (hasattr(os, "geteuid") and os.geteuid() == 0 != config.uid
            and os.fstat(fd).st_uid == 0)


def _is_the_groups(status: os.stat_result, path: str, config: Access) -> bool:
    """Whether somebody who may write the config has made it: nobody else could have."""
    return bool(config.group_bits & stat.S_IWGRP and status.st_gid == config.gid
                and not status.st_mode & 0o007 and not folders.folder_mode(path) & stat.S_IWOTH)


def share(fd: int, config: Access) -> None:
    """Give the journal the config's owner where we may, and its group with the group's bits.

    :raises OSError: the system failed.
    """
    status = os.fstat(fd)
    if not hasattr(os, "geteuid") or os.geteuid() not in (0, status.st_uid):
        return  # Whoever made it has done so.
    if os.geteuid() == 0 and status.st_uid == 0 != config.uid:
        with files.forgiven():
            os.fchown(fd, config.uid, config.gid)
    elif config.group_bits and status.st_gid != config.gid:
        with files.forgiven():
            os.fchown(fd, -1, config.gid)
    status = os.fstat(fd)
    bits = config.group_bits if status.st_gid == config.gid and _without_acl(fd) else 0
    if stat.S_IMODE(status.st_mode) != 0o600 | bits:
        with files.forgiven():
            os.fchmod(fd, 0o600 | bits)


def _has_acl(fd: int) -> bool:
    with files.forgiven():
        return hasattr(os, "listxattr") and _ACL in os.listxattr(fd)
    return False


def _without_acl(fd: int) -> bool:
    """Take off what a folder's default gave: with the group's bits, more people could read."""
    if not _has_acl(fd):
        return True
    with files.forgiven():
        os.removexattr(fd, _ACL)
    return not _has_acl(fd)
