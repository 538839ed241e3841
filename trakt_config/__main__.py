"""``python -m trakt_config`` and the console script ``trakt-config``."""
from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        from trakt_config import cli
        return cli.main(sys.argv[1:])
    except KeyboardInterrupt:  # Before there are handlers for signals.
        return 130


if __name__ == "__main__":
    sys.exit(main())
