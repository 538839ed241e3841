"""The users of this machine, in words: who this run is, and whose a file or folder is."""
from __future__ import annotations

import os

from trakt_config.errors import pass_on_hosts


def user_name(uid: int) -> str:
    """The name of a user, or the number of one without a name."""
    try:
        import pwd
        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return f"number {uid}"


def this_user() -> str:
    """``this user (NAME)``, or without a name where the system has no such users."""
    return f"this user ({user_name(os.geteuid())})" if hasattr(os, "geteuid") else "this user"


def owner_of(path: str) -> str:
    """The name of the user whose file or folder it is, as far as that can be told."""
    try:
        return user_name(os.stat(path).st_uid)
    except OSError as error:
        pass_on_hosts(error)
        return "another user"


def among_users(error: OSError, path: str) -> str:
    """Which two users an error of permissions is about, in brackets; empty for other errors."""
    if not isinstance(error, PermissionError) or not hasattr(os, "geteuid"):
        return ""
    owner, user = owner_of(path), user_name(os.geteuid())
    if owner == user:
        return f" (its mode does not let its owner, {owner}, do so)"
    return f" (it belongs to {owner}; this is run by {user})"


def why_not_writable(path: str) -> str:
    """Why this user cannot write to the file, as far as that can be told."""
    if hasattr(os, "statvfs") and os.statvfs(path).f_flag & os.ST_RDONLY:
        return "it is on a read-only file system"
    owner = owner_of(path)
    if hasattr(os, "geteuid") and owner == user_name(os.geteuid()):
        return f"its mode ({os.stat(path).st_mode & 0o777:04o}) does not let {this_user()} write"
    return f"{this_user()} cannot write to it, which belongs to {owner}"
