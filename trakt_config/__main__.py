"""``python -m trakt_config`` and the console script ``trakt-config``."""
from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        from trakt_config.cli import main as command_line
        return command_line.main(sys.argv[1:])
    except KeyboardInterrupt:  # Before there are handlers for signals.
        return 130


if __name__ == "__main__":
    sys.exit(main())
