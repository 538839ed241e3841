"""A line that is missing, by what stands where it would be. Pure."""
from __future__ import annotations

import re

from trakt_config.document.lines import NEWLINE, code_above, indentation, mistake
from trakt_config.errors import ConfigError
from trakt_config.tokens import AUTHORIZATION_KEYS

_KEY = re.compile(r"""[ ]*["']?(\w+)["']?[ ]*:""")
_COMMENTED_OUT = re.compile(r"""[ ]*#[# ]*["']?authorization["']?[ ]*:[ ]*$""")


def of_authorization(text: str, line: int) -> ConfigError | None:
    """The tokens begin on this line, deeper than a line that is not `authorization:`."""
    lines = NEWLINE.split(text, line)[:line]
    here = _KEY.match(lines[-1])
    number = code_above(text, line)
    above = _KEY.match(lines[number - 1]) if number else None
    if not here or here[1] not in AUTHORIZATION_KEYS or not above \
            or above[1] in ("authorization", *AUTHORIZATION_KEYS) \
            or indentation(lines[number - 1]) >= indentation(lines[-1]):
        return None
    for comment in range(number, line - 1):
        if _COMMENTED_OUT.match(lines[comment]):
            return mistake("authorization is commented out, and what belongs to it is not",
                           "Delete the # before it.", comment + 1, lines[comment].index("#") + 1)
    return mistake(f"there is no line `authorization:` above {here[1]}",
                   f"Write it above this line, indented like {above[1]}.", line, here.start(1) + 1)
