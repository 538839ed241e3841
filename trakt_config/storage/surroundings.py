"""What is around a file: which other users may read it, and on what it is mounted."""
from __future__ import annotations

import os
import re
import stat

from trakt_config.errors import pass_on_hosts, quoted_for_shell

#: File systems of Windows, of shares and of virtual machines: one mode for all files, mostly 0777.
_WITHOUT_MODES = frozenset({"9p", "cifs", "drvfs", "exfat", "fuseblk", "msdos", "ntfs", "ntfs3",
                            "prl_fs", "smb3", "smbfs", "vboxsf", "vfat"})


def is_mount_point(path: str, mountinfo: str = "/proc/self/mountinfo") -> bool:
    """Whether the file is itself a mount, as a single file given to a container is; False where
    the system does not tell. (``os.path.ismount`` compares devices, which says nothing of files.)

    :param path: as :func:`resolve` gave it.
    """
    try:
        with open(mountinfo, "rb") as mounts:
            places = [line.split(b" ")[4] for line in mounts]
    except (OSError, IndexError) as error:
        pass_on_hosts(error)
        return False
    # proc(5): blanks, tabs, newlines and backslashes are written as octal numbers.
    return os.fsencode(path) in (
        re.sub(rb"\\([0-3][0-7]{2})", lambda found: bytes([int(found[1], 8)]), place)
        for place in places)


def readable_warning(name: str) -> str:
    """What is to be said of a file that others can read; `name` as the user wrote it."""
    return (f"other users of this machine can read the secrets in it: chmod 600 "
            f"{quoted_for_shell(name)} (or 640, where a group has to read it)")


def readable_by_others(path: str) -> bool:
    """Whether users who are neither the owner nor of the group may read a file that we own.

    False where it is not ours, and on file systems that keep no modes: chmod would not help there.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        pass_on_hosts(error)
        return False
    return (hasattr(os, "getuid") and status.st_uid == os.getuid()
            and stat.S_ISREG(status.st_mode)
            and bool(status.st_mode & stat.S_IROTH)
            and _file_system_of(status) not in _WITHOUT_MODES)


def _file_system_of(status: os.stat_result) -> str:
    """The type of the file system by its device number (proc(5), mountinfo); empty if unknown."""
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            for mount in mounts:
                before, _, after = mount.partition(" - ")
                if before.split()[2:3] == [device]:
                    return after.split(" ")[0]
    except OSError as error:  # Not Linux.
        pass_on_hosts(error)
    return ""
