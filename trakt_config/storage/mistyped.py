"""A path that leads to no config: what may have been meant. Needed for an error alone."""
from __future__ import annotations

import os
import re
from collections.abc import Iterator
from glob import iglob

from trakt_config.errors import pass_on_hosts, quoted_for_shell

#: What a config is called as often.
_TWINS = {".yml": ".yaml", ".yaml": ".yml"}


def closed_folder(path: str) -> str:
    """The outermost folder of this path that this user may not enter."""
    folder = os.path.dirname(path)
    while folder != os.path.dirname(folder) and not os.access(os.path.dirname(folder), os.X_OK):
        folder = os.path.dirname(folder)
    return folder


def advice(path: str) -> str:
    """What may have been meant by a path that leads nowhere; empty where there is no telling."""
    if path.startswith("~"):
        return "Write the home directory out: a ~ that is in quotes, or in a unit file, stays."
    if path == "-":
        return "A config is a file, which is written to: it cannot be stdin."
    if "://" in path or path.startswith("file:"):
        return "Give the path of a file on this machine, not an address."
    if any(character in path for character in "*?["):
        return "Write the names out: no shell has expanded this pattern." \
            if any(iglob(path)) else "No file matches this pattern."
    name, suffix = os.path.splitext(path)
    without_place = re.sub(r"(?::[0-9]+){1,2}:?$", "", path)
    for other in (path.strip(), path.strip("\"'"), without_place, name + _TWINS.get(suffix, suffix),
                  *_in_other_case(path)):
        if other != path and os.path.isfile(other):
            return f"Is this meant: {quoted_for_shell(other)}"
    return ""


def _in_other_case(path: str) -> Iterator[str]:
    folder, name = os.path.split(path)
    try:
        others = os.listdir(folder or os.curdir)
    except OSError as error:
        pass_on_hosts(error)
        return
    for other in others:
        if other.lower() == name.lower():
            yield os.path.join(folder, other)
