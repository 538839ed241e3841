"""What people paste with a value: its name, quotes, spaces, a comma. Pure."""
from __future__ import annotations

import re

_QUOTES = "\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb"

#: The names that stand before a value in a config, in JSON, in an environment file, on a page.
_NAMES = {
    "client_id": re.compile(rf"[{_QUOTES}]?client[ _-]?id[{_QUOTES}]?\s*[:=]", re.IGNORECASE),
    "client_secret": re.compile(rf"[{_QUOTES}]?client[ _-]?secret[{_QUOTES}]?\s*[:=]",
                                re.IGNORECASE),
    "pin": re.compile(rf"[{_QUOTES}]?(?:(?:your )?pin(?: code)?|code)[{_QUOTES}]?\s*[:=]",
                      re.IGNORECASE),
}

#: A PIN in two halves, with a digit.
_SPACED_PIN = re.compile(r"(?=.*[0-9])[0-9A-Za-z]+ [0-9A-Za-z]+")


def without_wrapping(text: str, name: str) -> str:
    """`text` without what does not belong to the value `name`; nothing inside of it changes, but
    that a PIN loses the space between its halves.
    """
    text = text.strip()
    prefix = _NAMES[name].match(text)
    if prefix:
        text = text[prefix.end():]
    text = text.strip().rstrip(",").strip().strip(_QUOTES).strip()
    return text.replace(" ", "") if name == "pin" and _SPACED_PIN.fullmatch(text) else text
