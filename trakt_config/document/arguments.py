"""What the caller of an edit gives: what is wrong with it is no fault of the file. Pure.

No value is ever quoted: it may be a token.
"""
from __future__ import annotations

import re
from collections.abc import Mapping

from trakt_config.tokens import AUTHORIZATION_KEYS, LARGEST_NUMBERS, Authorization

_NAME = re.compile("[A-Za-z_]{1,20}")

#: Characters of one value; no answer that is read has more.
LONGEST_VALUE = 256 * 1024


def wanted_values(
        values: Authorization | Mapping[str, str | int | None]) -> dict[str, str | None]:
    """The values as text, in the order of the block."""
    if isinstance(values, Authorization):
        values = values.values()
    if not isinstance(values, Mapping):
        raise TypeError("the values have to be an Authorization, or a mapping of some of its keys, "
                        f"not {type(values).__name__}")
    unknown = [_shown(key) for key in values if key not in AUTHORIZATION_KEYS]
    if unknown:
        raise ValueError(f"not a key of authorization: {', '.join(sorted(unknown))}")
    return {key: _text_of(key, values[key]) for key in AUTHORIZATION_KEYS if key in values}


def _shown(key: object) -> str:
    """A key that is not known; one that is no name may be a token, and is not shown."""
    is_name = isinstance(key, str) and _NAME.fullmatch(key)
    return repr(key) if is_name else f"one of {type(key).__name__}"


def _text_of(key: str, value: str | int | None) -> str | None:
    if value is None:
        return None
    if key in LARGEST_NUMBERS:
        return _digits_of(key, value)
    if not isinstance(value, str):
        raise TypeError(f"authorization.{key} has to be a str or None, not {type(value).__name__}")
    check_texts({f"authorization.{key}": value})
    return value


def _digits_of(key: str, value: str | int) -> str:
    """A number as text; nothing, where there is nothing."""
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise TypeError(f"authorization.{key} has to be an int, its digits or None, not "
                        f"{type(value).__name__}")
    if isinstance(value, int):
        number = int(value)
    else:
        number = int(value or 0) if re.fullmatch("[0-9]{0,15}", value) else -1
    if not 0 <= number <= LARGEST_NUMBERS[key]:
        raise ValueError(f"authorization.{key} has to be a whole number from 0 to "
                         f"{LARGEST_NUMBERS[key]}")
    return value if isinstance(value, str) else str(number)


def check_texts(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} has to be a str, not {type(value).__name__}")
        if len(value) > LONGEST_VALUE:
            raise ValueError(f"{name} is longer than {LONGEST_VALUE} characters")


def check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} has to be True or False, not {type(value).__name__}")
