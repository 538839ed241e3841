"""Arguments that several commands take."""
from __future__ import annotations

import argparse
import re
from datetime import timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 3650 * 86400


def duration(text: str) -> timedelta:
    """``30s``, ``45m``, ``6h``, ``2d`` or plain seconds, up to ten years."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    seconds = int(found[1]) * _UNITS[found[2] or "s"] if found else None
    if seconds is None or seconds > _LONGEST:
        raise argparse.ArgumentTypeError("use 30s, 45m, 6h, 2d or plain seconds")
    return timedelta(seconds=seconds)


def add_min_validity(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--min-validity", metavar="TIME", type=duration,
                        default=timedelta(minutes=10),
                        help="how long the access token has to be valid from now on: "
                             "30s, 45m, 6h, 2d (default: 10m)")
